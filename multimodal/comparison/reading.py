"""Reading of the runs of a folder, each with its metrics and the settings in which it differs from the others."""

import json
import logging
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from multimodal.io import read_csv, read_json
from multimodal.runs.job import FINISHED, read_jobs
from multimodal.runs.record import RunRecord, read_record
from multimodal.runs.run_dir import REPLACED

log = logging.getLogger(__name__)

# Parts of the config that must be equal for a fair comparison of fusions, and keys in them that change no result.
COMPARED: tuple[str, ...] = ("caption", "encoder", "missing", "head", "loss", "training", "evaluation", "dim")
COMPARED += ("fusion_parameters", "code")
NOT_COMPARED: tuple[str, ...] = ("training.accelerator", "evaluation.figures", "evaluation.batch_size")
NOT_COMPARED += ("evaluation.image_judge.cache",)
# represented by source and fingerprint
ORIGIN = ("dataset.source", "dataset.path", "dataset.hub_id", "dataset.embedded")
ALIASES = ("dataset", "fusion", "experiment", "mode", "tracking")  # choices that are stored elsewhere, or do not matter
DATA = ["source", "fingerprint"]  # fields of a run that identify its data
FACTS = ("seed",)  # entries of metrics.json that are no metrics


@dataclass(frozen=True)
class Run:
    """Holds a finished run.

    Args:
        folder: the run's folder.
        dataset: name of the dataset.
        source: source of the data: `hub`, `path` or `embedded`.
        fingerprint: fingerprint of the data.
        fusion: name of the fusion, with the arguments in which the runs differ: `attention num_layers=2`.
        setting: other settings in which the runs of a dataset differ: `caption=synergy`; empty if there are none.
        seed: seed of initialisation, sample order and dropout.
        metrics: {name: value}, None where undefined.
        undefined: {name: reason} for every None.
        baselines: {blind baseline: {name: value}}.
        surface: rows of the availability surface.
        history: rows of `history.csv`.
        config: contents of the run's record, with its command-line overrides.
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
        """Return the key that is equal for runs that may be compared."""
        return self.dataset, self.source, self.fingerprint, self.setting


@dataclass(frozen=True)
class Failure:
    """A failed job of a sweep, or a failed single run."""

    overrides: list[str]
    error: str
    traceback: str
    multirun: bool = True


def read_runs(folder: Path) -> tuple[list[Run], list[Failure]]:
    """Read the finished runs and the failed jobs of a folder.

    The folder is a run, holds runs, or holds folders of runs. Of runs with equal settings, only the newest is returned.
    """
    places = (folder.glob(pattern) for pattern in ("metrics.json", "*/metrics.json", "*/*/metrics.json"))
    files = sorted(next(filter(None, map(list, places)), []), key=lambda file: (-file.stat().st_mtime, file))
    records = {file: known_record(file.parent) for file in files if file.parent.parent.name != REPLACED}
    pairs = [read_run(file, record) for file, record in records.items() if record is not None]
    runs: dict[Hashable, Run] = {}
    datasets = [
        [pair for pair in pairs if pair[0].dataset == name] for name in sorted({run.dataset for run, _ in pairs})
    ]
    for run in (run for own in datasets for run in label_runs(own)):
        newest = runs.setdefault((run.group, run.fusion, run.seed), run)
        if newest is not run:
            log.warning("%s repeats %s, which is newer, and is left out of the report", run.folder, newest.folder)
    return sorted(runs.values(), key=lambda run: (run.group, run.fusion, run.seed)), read_failures(folder)


def read_failures(folder: Path) -> list[Failure]:
    """Read failures from the job records of a sweep, and from the status files of single runs."""
    records = read_jobs(folder)
    failed = [Failure(r.overrides, r.error, r.traceback) for r in records if r.status != FINISHED]
    for file in sorted(folder.glob("*/status.json")):
        state, config = read_json(file), file.with_name("config.yaml")
        if state["status"] != "failed" or not config.exists():
            continue
        run = known_record(config.parent)
        overrides = [] if run is None else run.overrides
        if run is not None and all(record.overrides != overrides for record in records):
            failed.append(Failure(overrides, state["error"], state["traceback"], multirun=False))
    return failed


def known_record(folder: Path) -> RunRecord | None:
    """Read the record of a run; log a warning and return None if it cannot be read or has another version."""
    try:
        return read_record(folder)
    except (OSError, ValueError) as error:
        log.warning("%s: this run is left out of the report", error)
        return None


def read_run(file: Path, record: RunRecord) -> tuple[Run, dict[str, Any]]:
    """Read a run from its `metrics.json` and its record.

    Returns:
        The run, with its setting still empty, and its {config group: choice}.
    """
    saved, folder = read_json(file), file.parent
    run = Run(
        folder=folder,
        dataset=record.dataset,
        source=record.data_source,
        fingerprint=record.fingerprint,
        fusion=record.fusion,
        setting="",
        seed=record.seed,
        metrics={k: v for k, v in saved.items() if k not in FACTS and (v is None or isinstance(v, int | float))},
        undefined=saved["undefined"],
        baselines=saved["baselines"],
        surface=saved.get("availability/surface", []),
        history=read_csv(folder / "history.csv"),
        config=record.config | {"overrides": record.overrides, "code": record.code, "fusion_code": record.fusion_code},
    )
    return run, record.choices | {f"weights.{modality}": name for modality, name in record.weights.items()}


def label_runs(pairs: list[tuple[Run, dict[str, Any]]]) -> list[Run]:
    """Fill in `setting` and the fusion arguments of the runs of one dataset: the settings in which they differ.

    Runs may also differ in their data, which is named apart; keys that follow from the data, such as the size of the
    vocabulary, then do not appear in the setting.

    Args:
        pairs: each run with its {config group: choice}.
    """
    runs = [run for run, _ in pairs]
    choices = [{name: choice for name, choice in chosen.items() if name not in ALIASES} for _, chosen in pairs]
    leaves = [flat(run.config) for run in runs]
    data = [{name: getattr(run, name) for name in DATA} for run in runs]
    dataset, compared = (
        [part(x, *names) for x in leaves] for names in ((("dataset",), ORIGIN), (COMPARED, NOT_COMPARED))
    )
    known = differences(pd.concat([as_texts(rows) for rows in (choices, dataset, data, compared)], axis=1))
    settings = labels(known.drop(columns=DATA, errors="ignore"))
    for fusion in {run.fusion for run in runs}:  # each has arguments of its own
        rows = [i for i, run in enumerate(runs) if run.fusion == fusion]
        arguments = as_texts([part(leaves[i], ("fusion", "fusion_code"), ()) for i in rows])
        own = differences(pd.concat([known.iloc[rows].reset_index(drop=True), arguments], axis=1))
        own = own[[name for name in own if name in arguments]].rename(columns=lambda name: name.removeprefix("fusion."))
        for i, label in zip(rows, labels(own), strict=True):
            runs[i] = replace(runs[i], fusion=" ".join((fusion, *label)))
    return [replace(run, setting=", ".join(label)) for run, label in zip(runs, settings, strict=True)]


def differences(values: pd.DataFrame) -> pd.DataFrame:
    """Select, in order, the columns that distinguish rows which are equal in all columns selected before."""
    selected: list[int] = []
    count = 1
    for i in range(values.shape[1]):
        finer = len(values.iloc[:, [*selected, i]].drop_duplicates())
        if finer > count:
            selected, count = [*selected, i], finer
    return values.iloc[:, selected]


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
    return {
        key: value
        for key, value in leaves.items()
        if key.partition(".")[0] in roots and not any(f"{key}.".startswith(f"{name}.") for name in without)
    }
