"""The runs of a folder, each with what it measured and what sets it apart from the others."""

import json
import logging
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from multimodal.io import read_csv, read_json
from multimodal.runs.record import read_record
from multimodal.runs.run_dir import REPLACED

log = logging.getLogger(__name__)

# Parts of the config that must be equal for a comparison of fusions to be fair, and what in them changes no result.
COMPARED = ("caption", "encoder", "missing", "head", "loss", "training", "evaluation", "dim", "fusion_parameters")
COMPARED += ("code",)
NOT_COMPARED = ("training.accelerator", "evaluation.figures", "evaluation.batch_size")
NOT_COMPARED += ("evaluation.image_judge.cache",)
ORIGIN = ("dataset.source", "dataset.path", "dataset.hub", "dataset.embedded")  # told by source and fingerprint
ALIASES = ("dataset", "fusion", "experiment", "mode", "tracking")  # choices that are told otherwise, or do not matter
FACTS = ("seed",)  # in metrics.json, but not measured


@dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        folder: its files.
        dataset: its name.
        source: of the data, as found: hub, local or embedded.
        fingerprint: of the data.
        fusion: the choice, and where the runs differ in its arguments those: `attention layers=2`.
        setting: what else differs between the runs of a dataset, `caption=synergy`; empty where nothing does.
        seed: of initialisation, order and dropout.
        metrics: {name: value}, None where undefined.
        undefined: {name: reason} for every None.
        baselines: {blind baseline: {name: value}}.
        surface: rows of the availability surface.
        history: rows of `history.csv`.
        config: of `config.yaml`; empty if there is none.
    """

    folder: Path
    dataset: str
    source: str
    fingerprint: str
    fusion: str
    setting: str
    seed: int
    metrics: dict[str, float | None] = field(repr=False)
    undefined: dict[str, str] = field(repr=False)
    baselines: dict[str, dict[str, float | None]] = field(repr=False)
    surface: list[dict[str, float]] = field(repr=False)
    history: list[dict[str, float]] = field(repr=False)
    config: dict[str, Any] = field(repr=False)

    @property
    def group(self) -> tuple[str, str, str, str]:
        """Equal for runs that may be compared."""
        return self.dataset, self.source, self.fingerprint, self.setting


@dataclass(frozen=True)
class Failure:
    """A job of a sweep, or a single run, that failed."""

    overrides: list[str]
    error: str
    traceback: str
    multirun: bool = True


def read_runs(folder: Path) -> tuple[list[Run], list[Failure]]:
    """The finished runs in a folder, or the one that it is, and the failed jobs; of equal runs the newest.

    A folder without runs of its own may hold folders of runs.
    """
    places = (folder.glob(pattern) for pattern in ("metrics.json", "*/metrics.json", "*/*/metrics.json"))
    files = sorted(next(filter(None, map(list, places)), []), key=lambda file: (-file.stat().st_mtime, file))
    found = [read_run(file) for file in files if file.parent.parent.name != REPLACED]
    runs: dict[Hashable, Run] = {}
    for run in (run for dataset in sorted({run.dataset for run, _ in found}) for run in told_apart(dataset, found)):
        newest = runs.setdefault((run.group, run.fusion, run.seed), run)
        if newest is not run:
            log.warning("%s repeats %s, which is newer: left out of the report", run.folder, newest.folder)
    return sorted(runs.values(), key=lambda run: (run.group, run.fusion, run.seed)), read_failures(folder)


def read_failures(folder: Path) -> list[Failure]:
    """By the records of a sweep's jobs, and by the state of single runs."""
    records = [read_json(file) for file in sorted(folder.glob("jobs/*.json"))]
    failed = [Failure(r["overrides"], r["error"], r["traceback"]) for r in records if r["status"] != "finished"]
    for file in sorted(folder.glob("*/status.json")):
        state, config = read_json(file), file.with_name("config.yaml")
        if state["status"] != "failed" or not config.exists():
            continue
        overrides = read_record(config.parent).overrides
        if all(record["overrides"] != overrides for record in records):
            failed.append(Failure(overrides, state["error"], state["traceback"], multirun=False))
    return failed


def read_run(file: Path) -> tuple[Run, dict[str, Any]]:
    """A run by its `metrics.json`, its setting not yet known, and its choices."""
    kept, folder = read_json(file), file.parent
    record = read_record(folder)
    run = Run(
        folder=folder,
        dataset=record.dataset,
        source=record.data_source,
        fingerprint=record.fingerprint,
        fusion=record.fusion,
        setting="",
        seed=record.seed,
        metrics={k: v for k, v in kept.items() if k not in FACTS and (v is None or isinstance(v, int | float))},
        undefined=kept["undefined"],
        baselines=kept["baselines"],
        surface=kept["availability/surface"],
        history=read_csv(folder / "history.csv"),
        config=record.config | {"overrides": record.overrides, "code": record.code, "fusion_code": record.fusion_code},
    )
    return run, record.choices | {f"weights.{modality}": name for modality, name in record.weights.items()}


def told_apart(dataset: str, found: list[tuple[Run, dict[str, Any]]]) -> list[Run]:
    """The runs of a dataset with setting and fusion filled in."""
    runs = [run for run, _ in found if run.dataset == dataset]
    choices = [{k: v for k, v in chosen.items() if k not in ALIASES} for run, chosen in found if run.dataset == dataset]
    leaves = [flat(run.config) for run in runs]
    told = differences(choices, [()] * len(runs))
    told = joined(told, differences([part(x, ("dataset",), ORIGIN) for x in leaves], told))
    # the size of the vocabulary, say, stands in many places and follows from the data
    data = [(run.source, run.fingerprint) for run in runs]
    told = joined(told, differences([part(x, COMPARED, NOT_COMPARED) for x in leaves], joined(told, data)))
    known = joined(told, data)
    for choice in {run.fusion for run in runs}:  # each fusion has arguments of its own
        rows = [i for i, run in enumerate(runs) if run.fusion == choice]
        own = [part(leaves[i], ("fusion", "fusion_code"), ()) for i in rows]
        arguments = [{k.removeprefix("fusion."): v for k, v in each.items()} for each in own]
        for i, own in zip(rows, differences(arguments, [known[i] for i in rows]), strict=True):
            runs[i] = replace(runs[i], fusion=" ".join((choice, *own)))
    return [replace(run, setting=", ".join(parts)) for run, parts in zip(runs, told, strict=True)]


def differences(values: list[dict[str, Any]], known: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """For each of several {key: value} its `key=value`, of the keys that differ where all that is known is equal."""
    told: list[tuple[str, ...]] = [()] * len(values)
    for key in dict.fromkeys(key for each in values for key in each):
        shown = [(f"{key}={text(each[key])}",) if key in each else () for each in values]
        if len(set(zip(known, shown, strict=True))) > len(set(known)):
            told, known = joined(told, shown), joined(known, shown)
    return told


def joined(first: Iterable[tuple[str, ...]], second: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Pair by pair."""
    return [a + b for a, b in zip(first, second, strict=True)]


def text(value: Any) -> str:
    """As on the command line."""
    return value if isinstance(value, str) else json.dumps(value)


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        inner = flat(value) if isinstance(value, dict) else {}
        found |= {f"{name}.{key}": each for key, each in inner.items()} or {name: value}
    return found


def part(leaves: dict[str, Any], roots: tuple[str, ...], without: tuple[str, ...]) -> dict[str, Any]:
    """The keys at or under one of `roots`, and at or under none of `without`."""
    return {
        key: value
        for key, value in leaves.items()
        if key.partition(".")[0] in roots and not any(f"{key}.".startswith(f"{name}.") for name in without)
    }


def titles(runs: list[Run]) -> dict[tuple[str, str, str, str], str]:
    """{group: name for the reader}: dataset, source, fingerprint where there are several, setting."""
    groups = dict.fromkeys(run.group for run in runs)
    prints: dict[tuple[str, str], set[str]] = {}
    for dataset, source, fingerprint, _ in groups:
        prints.setdefault((dataset, source), set()).add(fingerprint)
    found = {}
    for dataset, source, fingerprint, setting in groups:
        data = f"{source}, data {fingerprint}" if len(prints[dataset, source]) > 1 else source
        found[dataset, source, fingerprint, setting] = f"{dataset} ({data})" + (f", {setting}" if setting else "")
    return found
