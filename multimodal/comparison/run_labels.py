"""The settings in which runs differ, as labels: `caption=synergy` of a group of runs, `num_layers=2` of a fusion."""

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Literal

import pandas as pd

from multimodal.comparison.run import Run

ProtocolKey = Literal["trials", "space", "tuning_seeds"]

# Parts of the config that must be equal for a fair comparison of fusions, and keys in them that change no result.
COMPARED: tuple[str, ...] = ("caption", "encoder", "missing", "head", "loss", "training", "evaluation", "dim")
COMPARED += ("fusion_parameters", "code", "tuned")
NOT_COMPARED: tuple[str, ...] = ("training.accelerator", "evaluation.figures", "evaluation.batch_size")
NOT_COMPARED += ("evaluation.image_judge.cache",)
# represented by source and fingerprint
ORIGIN = ("dataset.source", "dataset.path", "dataset.hub_id", "dataset.embedded")
SPLIT = "dataset.seed"  # runs pair by it
SIZES = "sizes"  # read from the data; other settings have the names of its keys where they follow from them
ALIASES = ("dataset", "fusion", "experiment", "mode", "tracking")  # choices that are stored elsewhere, or do not matter
USUAL = {"caption": "original", "task": "redundant"}  # choices that change the data, with the defaults of conf/
PROTOCOL: tuple[ProtocolKey, ...] = ("trials", "space", "tuning_seeds")  # of a tuning, equal where fusions are compared
# settings that stand in two places: the choice of an option and its settings, an encoder and what its weights are
TWICE: tuple[tuple[str, str], ...] = (("optimizer", "training.optimizer"), ("scheduler", "training.scheduler"))
TWICE += (("weights.image", "encoder.image"), ("weights.text", "encoder.text"))
DATA = ["source", "fingerprint"]  # fields of a run that identify its data


def label_runs(pairs: list[tuple[Run, dict[str, Any]]], compared: Collection[str] = ()) -> list[Run]:
    """Fill in `setting` and the fusion arguments of the runs of one dataset: the settings in which they differ.

    A task and a caption mode that are not the default are always named: they say what the numbers are of.
    Runs may also differ in their data, which is named apart; keys that follow from the data, such as the size of the
    vocabulary, then do not appear in the setting. Nor do the settings that mode=tune chose: runs that were tuned in the
    same way are compared, each at its own choice. Nor does `dataset.seed`, by which runs pair.

    Args:
        pairs: each run with its {config group: choice}.
        compared: choices and settings that name the fusion in place of the setting, so that runs which differ in them
            are compared: `loss`, `training.modality_dropout`.
    """
    choices = [{name: choice for name, choice in chosen.items() if name not in ALIASES} for _, chosen in pairs]
    leaves = [without_sizes(flat(run.config) | before_tuning(run)) for run, _ in pairs]
    runs = join_splits([run for run, _ in pairs], choices, leaves)
    table = setting_table(runs, choices, leaves)
    beside = [name for name in map(str, table) if within(name, compared)]
    arms, table = table[beside], table.drop(columns=beside)
    known = with_neighbours(table, differences(table))
    settings = labels(known.drop(columns=DATA, errors="ignore"))
    named = [[*unusual(chosen, label), *label] for chosen, label in zip(choices, settings, strict=True)]
    return [
        replace(run, setting=", ".join(label), fusion=fusion)
        for run, label, fusion in zip(runs, named, with_arguments(runs, leaves, known, arms), strict=True)
    ]


def setting_table(runs: list[Run], choices: list[dict[str, Any]], leaves: list[dict[str, Any]]) -> pd.DataFrame:
    """Return what may set runs apart, a row for each: choices, data, and the parts that a fair comparison has equal."""
    data = [{name: getattr(run, name) for name in DATA} for run in runs]
    dataset = [part(own, ("dataset",), (*ORIGIN, SPLIT)) for own in leaves]
    others = [part(own, COMPARED, NOT_COMPARED) for own in leaves]
    return pd.concat([as_texts(rows) for rows in (choices, dataset, data, others)], axis=1)


def with_arguments(runs: list[Run], leaves: list[dict[str, Any]], known: pd.DataFrame, arms: pd.DataFrame) -> list[str]:
    """Return the name of each run's fusion, with the arguments in which runs of this fusion differ.

    Args:
        runs: N runs.
        leaves: N flat configs.
        known: N rows of what sets the runs apart already.
        arms: N rows of what is compared like a fusion.
    """
    names = [run.fusion for run in runs]
    for fusion in set(names):  # each has arguments of its own
        rows = [i for i, run in enumerate(runs) if run.fusion == fusion]
        own = as_texts([part(leaves[i], ("fusion", "fusion_code"), ()) for i in rows])
        arguments = pd.concat([arms.iloc[rows].reset_index(drop=True), own], axis=1)
        apart = differences(pd.concat([known.iloc[rows].reset_index(drop=True), arguments], axis=1))
        told = apart[[name for name in apart if name in arguments]]
        told = told.rename(columns=lambda name: name.removeprefix("fusion.").removeprefix("training."))
        for i, label in zip(rows, labels(told), strict=True):
            names[i] = " ".join((fusion, *label))
    return names


def in_both_places(compared: Collection[str]) -> list[str]:
    """Return the names, and for those that stand in two places, or have such ones in them, both."""
    twice = [places for places in TWICE if any(within(place, compared) for place in places)]
    inner = [f"training.{name}" for name in compared if within(name, ("optimizer", "scheduler"))]
    return [*compared, *inner, *(name for places in twice for name in places)]


def within(name: str, parts: Collection[str]) -> bool:
    """Return whether a choice or a setting is one of the parts, or lies in one."""
    return any(f"{name}.".replace("/", ".").startswith(f"{part}.".replace("/", ".")) for part in parts)


def before_tuning(run: Run) -> dict[str, Any]:
    """Return {setting: value} before mode=tune chose one, and how it chose; nothing for a run that was not tuned."""
    if run.tuning is None:
        return {}
    protocol = {f"tuned.{name}": run.tuning[name] for name in PROTOCOL}
    return run.tuning["untuned"] | protocol


def unusual(choices: dict[str, Any], label: list[str]) -> list[str]:
    """Return what is asked and what the captions say, `task=noisy`, where it is not the default nor in the label."""
    named = {part.partition("=")[0] for part in label}
    others = {name: choices.get(name, default) for name, default in USUAL.items() if name not in named}
    return [f"{name}={choice}" for name, choice in others.items() if choice != USUAL[name]]


def join_splits(runs: list[Run], choices: list[dict[str, Any]], leaves: list[dict[str, Any]]) -> list[Run]:
    """Give runs whose data differ only in `dataset.seed` one fingerprint: that of the lowest of these seeds.

    Where one of these seeds has several fingerprints, the data have changed, and all keep their own.
    """
    data = []
    for run, chosen, own in zip(runs, choices, leaves, strict=True):
        asked = {name: chosen[name] for name in USUAL if name in chosen}
        data.append(json.dumps([run.source, asked, part(own, ("dataset",), (SPLIT,))], sort_keys=True))
    prints: dict[str, dict[int, set[str]]] = {}
    for run, key in zip(runs, data, strict=True):
        prints.setdefault(key, {}).setdefault(run.dataset_seed, set()).add(run.fingerprint)
    joined = {}
    for key, seeds in prints.items():
        if all(len(own) == 1 for own in seeds.values()):
            (joined[key],) = seeds[min(seeds)]
    return [replace(run, fingerprint=joined.get(key, run.fingerprint)) for run, key in zip(runs, data, strict=True)]


def without_sizes(leaves: dict[str, Any]) -> dict[str, Any]:
    """Leave out the settings that follow from the data, such as `encoder.text.vocab_size`."""
    sizes = {key.rpartition(".")[2] for key in leaves if key.startswith(f"{SIZES}.")}
    return {key: value for key, value in leaves.items() if key.rpartition(".")[2] not in sizes}


def differences(values: pd.DataFrame) -> pd.DataFrame:
    """Select, in order, the columns that distinguish rows which are equal in all columns selected before."""
    selected: list[int] = []
    count = 1
    for i in range(values.shape[1]):
        finer = len(values.iloc[:, [*selected, i]].drop_duplicates())
        if finer > count:
            selected, count = [*selected, i], finer
    return values.iloc[:, selected]


def with_neighbours(values: pd.DataFrame, selected: pd.DataFrame) -> pd.DataFrame:
    """Add to each selected setting of an inner part of the config the others of that part in which the rows differ.

    They go together: of `training.modality_dropout` the rate of `text` is to be read beside that of `image`, also where
    the latter tells the rows apart by itself.
    """
    parts = {name.rpartition(".")[0] for name in map(str, selected) if name.count(".") > 1}
    inner = [name for name in map(str, values) if name.rpartition(".")[0] in parts]
    beside = [name for name in inner if values[name].nunique(dropna=False) > 1]
    return values[[name for name in values if name in selected or name in beside]]


def labels(values: pd.DataFrame) -> list[list[str]]:
    """Return the `key=value` pairs of each row; missing values are left out."""
    return [[f"{key}={value}" for key, value in row.items() if pd.notna(value)] for _, row in values.iterrows()]


def as_texts(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a table of values as texts, in the notation of the command line."""
    texts = [
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in row.items()} for row in rows
    ]
    return pd.DataFrame(texts, dtype=object)


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """Flatten {"a": {"b": 1}} to {"a.b": 1}."""
    leaves: dict[str, Any] = {}
    for name, value in config.items():
        inner = flat(value) if isinstance(value, dict) else {}
        leaves |= {f"{name}.{key}": each for key, each in inner.items()} or {name: value}
    return leaves


def part(leaves: dict[str, Any], roots: tuple[str, ...], without: tuple[str, ...]) -> dict[str, Any]:
    """Select the keys at or under one of `roots`, and at or under none of `without`."""
    return {key: value for key, value in leaves.items() if key.partition(".")[0] in roots and not within(key, without)}
