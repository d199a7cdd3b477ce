"""The runs of a folder, each with what it measured and what sets it apart from the others."""

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

# Parts of the config that must be equal for a comparison of fusions to be fair, and what in them changes no result.
COMPARED = ("caption", "encoder", "missing", "head", "loss", "training", "evaluation", "dim", "fusion_parameters")
COMPARED += ("code",)
NOT_COMPARED = ("training.accelerator", "evaluation.figures", "evaluation.batch_size")
NOT_COMPARED += ("evaluation.image_judge.cache",)
ORIGIN = ("dataset.source", "dataset.path", "dataset.hub_id", "dataset.embedded")  # named by source and fingerprint
ALIASES = ("dataset", "fusion", "experiment", "mode", "tracking")  # choices that stand elsewhere, or do not matter
DATA = ["source", "fingerprint"]  # of a run
FACTS = ("seed",)  # in metrics.json, but not measured


@dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        folder: its files.
        dataset: its name.
        source: of the data, as found: `hub`, `path` or `embedded`.
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
    """Read the finished runs in a folder, or the one that it is, and the failed jobs; of equal runs the newest.

    A folder without runs of its own may hold folders of runs.
    """
    places = (folder.glob(pattern) for pattern in ("metrics.json", "*/metrics.json", "*/*/metrics.json"))
    files = sorted(next(filter(None, map(list, places)), []), key=lambda file: (-file.stat().st_mtime, file))
    records = {file: known_record(file.parent) for file in files if file.parent.parent.name != REPLACED}
    found = [read_run(file, record) for file, record in records.items() if record is not None]
    runs: dict[Hashable, Run] = {}
    datasets = [
        [pair for pair in found if pair[0].dataset == name] for name in sorted({run.dataset for run, _ in found})
    ]
    for run in (run for own in datasets for run in label_runs(own)):
        newest = runs.setdefault((run.group, run.fusion, run.seed), run)
        if newest is not run:
            log.warning("%s repeats %s, which is newer: left out of the report", run.folder, newest.folder)
    return sorted(runs.values(), key=lambda run: (run.group, run.fusion, run.seed)), read_failures(folder)


def read_failures(folder: Path) -> list[Failure]:
    """Read failures from the records of a sweep's jobs, and from the state of single runs."""
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
    """Return the record of a run, None with a warning for a run of another version."""
    try:
        return read_record(folder)
    except (OSError, ValueError) as error:
        log.warning("%s: left out of the report", error)
        return None


def read_run(file: Path, record: RunRecord) -> tuple[Run, dict[str, Any]]:
    """Return a run by its `metrics.json` and its record, its setting not yet known, and its choices."""
    kept, folder = read_json(file), file.parent
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
        surface=kept.get("availability/surface", []),
        history=read_csv(folder / "history.csv"),
        config=record.config | {"overrides": record.overrides, "code": record.code, "fusion_code": record.fusion_code},
    )
    return run, record.choices | {f"weights.{modality}": name for modality, name in record.weights.items()}


def label_runs(found: list[tuple[Run, dict[str, Any]]]) -> list[Run]:
    """Fill in what sets the runs of a dataset apart, given each with its choices: the setting, and fusion arguments.

    The data set runs apart as well and have names of their own; what follows from them, as the size of the
    vocabulary does, is then no setting.
    """
    runs = [run for run, _ in found]
    choices = [{name: choice for name, choice in chosen.items() if name not in ALIASES} for _, chosen in found]
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
    """Keep the columns, in order, that set apart rows which are equal in the columns kept before."""
    kept: list[int] = []
    count = 1
    for i in range(values.shape[1]):
        finer = len(values.iloc[:, [*kept, i]].drop_duplicates())
        if finer > count:
            kept, count = [*kept, i], finer
    return values.iloc[:, kept]


def labels(values: pd.DataFrame) -> list[list[str]]:
    """Return the `key=value` pairs of each row, without the values that it lacks."""
    return [[f"{key}={value}" for key, value in row.items() if pd.notna(value)] for _, row in values.iterrows()]


def as_texts(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a table of values as on the command line."""
    texts = [
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in row.items()} for row in rows
    ]
    return pd.DataFrame(texts, dtype=object)


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """Flatten {"a": {"b": 1}} to {"a.b": 1}."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        inner = flat(value) if isinstance(value, dict) else {}
        found |= {f"{name}.{key}": each for key, each in inner.items()} or {name: value}
    return found


def part(leaves: dict[str, Any], roots: tuple[str, ...], without: tuple[str, ...]) -> dict[str, Any]:
    """Select the keys at or under one of `roots`, and at or under none of `without`."""
    return {
        key: value
        for key, value in leaves.items()
        if key.partition(".")[0] in roots and not any(f"{key}.".startswith(f"{name}.") for name in without)
    }
