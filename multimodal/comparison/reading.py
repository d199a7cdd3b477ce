"""Reading of the runs of a folder, each with its metrics and the settings in which it differs from the others."""

import logging
import sys
from collections.abc import Collection, Hashable
from dataclasses import replace
from pathlib import Path
from typing import (
    Any,
    NotRequired,  # pydantic wants its TypedDict before Python 3.12
)

import numpy as np
from PIL import Image
from typing_extensions import TypedDict

from multimodal.comparison.run import Failure, Run, Tuning
from multimodal.comparison.run_labels import flat, in_both_places, label_runs, within
from multimodal.comparison.stored_samples import sample_values
from multimodal.errors import DAMAGE, check_readable, checked, damage, one_line, read_object
from multimodal.metric.catalogue import CATALOGUE
from multimodal.runs.job import FINISHED, KILLED, RECORDS, JobRecord, read_jobs
from multimodal.runs.record import FILE, RunRecord, read_record
from multimodal.runs.run_dir import EVALUATION, REPLACED, read_history
from multimodal.runs.run_id import key_of
from multimodal.runs.space import parse_space

log = logging.getLogger(__name__)

FACTS = ("seed",)  # entries of metrics.json that are no metrics
LEVELS = ("", "*/", "*/*/")  # a run, its folder, or a folder of such folders
FROM_RECORD = ("overrides", "code", "fusion_code", "code_parts")  # read beside the settings
RUN_FIGURES = ("generation.png", "tsne.png")  # shown in a report
READ_FILES = (FILE, "status.json", "metrics.json", "history.csv", "predictions.parquet", "data_card.json", *RUN_FIGURES)


class SurfaceRow(TypedDict):
    """A row of the availability surface, as `metrics.json` has it."""

    no_image: float
    no_text: float
    accuracy: float


class DataCard(TypedDict):
    """What is read of `data_card.json`: samples by split and class, counts of near duplicates, limits of the task.

    A limit that is measured when a model is evaluated is a text there.
    """

    classes: dict[str, dict[str, int]]
    near_duplicate_counts: NotRequired[dict[str, int]]
    task: NotRequired[dict[str, float | str | None]]


class Config(TypedDict):
    """The setting that every run has."""

    seed: int


Evaluated = TypedDict(  # what every `metrics.json` has beside the metrics
    "Evaluated",
    {
        "undefined": dict[str, str],
        "baselines": dict[str, dict[str, float | None]],
        "availability/surface": NotRequired[list[SurfaceRow]],
    },
)


def read_runs(folder: Path, compared: Collection[str] | None = None) -> tuple[list[Run], list[Failure]]:
    """Read the finished runs of a folder, and what cannot be compared: failed, interrupted, damaged or foreign.

    The folder is a run, holds runs, or holds folders of runs; where it holds runs, folders of others beside them are
    left out. Of runs with equal settings, only the newest is returned.

    Args:
        folder: of the runs.
        compared: choices and settings that are compared like fusions, see `label_runs`; None for those of the sweeps
            that made the runs.

    Raises:
        ValueError: no run has a choice or a setting of one of these names.
    """
    found = run_files(folder, "metrics.json")
    files = own_files(folder, found)
    pairs = []
    left_out = [
        leave_out(place, f"its runs are not compared with those beside it; output_dir={place} compares them")
        for place in sorted({file.parent.parent for file in found if file not in files})
    ]
    for file in files:
        try:
            pairs.append(read_run(file.parent))
        except ValueError as error:
            left_out.append(leave_out(file.parent, str(error)))
    if compared is None:
        compared = sorted({name for run, _ in pairs for name in own_compared(run)})
    known = {name for run, choices in pairs for name in (*choices, *flat(run.config))}
    unknown = [name for name in compared if pairs and not any(within(other, [name]) for other in known)]
    if unknown:
        raise ValueError(f"report.compared has {', '.join(unknown)}, which no run here has")
    compared = in_both_places(compared)
    pairs = [(with_shared_code(run, compared), choices) for run, choices in pairs]
    runs: dict[Hashable, Run] = {}
    datasets = [
        [pair for pair in pairs if pair[0].dataset == name] for name in sorted({run.dataset for run, _ in pairs})
    ]
    for run in (run for own in datasets for run in label_runs(own, compared)):
        newest = runs.setdefault((run.group, run.fusion, run.seeds), run)
        if newest is not run:
            log.warning("%s repeats %s, which is newer, and is left out of the report", run.folder, newest.folder)
            left_out.append(excluded(run.folder, f"it repeats {newest.folder.name}, which is newer"))
    failures = read_failures(folder, [file.parent for file in files])
    return sorted(runs.values(), key=lambda run: (run.group, run.fusion, run.seeds)), [*failures, *left_out]


def run_files(folder: Path, name: str) -> list[Path]:
    """Return the files of this name of the runs in a folder, in its folders and in theirs, newest first.

    What resume=false set aside, and a run's own evaluations, are no runs.
    """
    pattern = f"{name[:-1]}[{name[-1]}]"  # as a pattern, because a plain name passes over a broken link
    found = (file for level in LEVELS for file in folder.glob(f"{level}{pattern}"))
    files = [file for file in found if file.parent.parent.name != REPLACED and not in_own_run(folder, file.parent)]
    return sorted(files, key=lambda file: (-file.lstat().st_mtime, file))


def in_own_run(folder: Path, place: Path) -> bool:
    """Return whether a place below a folder is an evaluation in the folder of its run."""
    return place != folder and place.name.startswith(EVALUATION) and (place.parent / FILE).is_file()


def own_files(folder: Path, files: list[Path]) -> list[Path]:
    """Return the files of the runs that a folder is or holds; if there are none, those of the folders in it."""
    return [file for file in files if folder in (file.parent, file.parent.parent)] or files


def leave_out(folder: Path, reason: str) -> Failure:
    """Log why a run is left out, and return it for the report."""
    log.warning("%s is left out of the report: %s", one_line(str(folder)), one_line(reason))
    return excluded(folder, reason)


def excluded(folder: Path, reason: str) -> Failure:
    """Return the entry of the report for a folder that is left out."""
    return Failure([], one_line(reason), "", multirun=False, status="left out", name=folder.name)


def read_failures(folder: Path, finished: list[Path]) -> list[Failure]:
    """Read what has not finished from the job records of a sweep, and from the status files of single runs.

    Args:
        folder: of the runs.
        finished: folders of the runs that have metrics.
    """
    records, damaged = read_jobs(folder / RECORDS)
    failures = [
        Failure(r.overrides, r.error, r.traceback, True, r.status, "", r.dataset, r.fusion)
        for r in records
        if r.status != FINISHED
    ]
    failures += [leave_out(folder / RECORDS, reason) for reason in damaged]
    for file in sorted(own_files(folder, run_files(folder, "status.json"))):
        if file.parent in finished or not (file.parent / FILE).exists():
            continue
        try:
            failure = read_failure(file, records)
        except ValueError as error:
            failure = leave_out(file.parent, str(error))
        failures += [] if failure is None else [failure]
    return failures


def read_failure(file: Path, records: list[JobRecord]) -> Failure | None:
    """Read a run without metrics from its `status.json`; None if the record of a job has it.

    Raises:
        ValueError: a file is damaged.
    """
    state, run = read_object(file), known_record(file.parent)
    status, error, trace = (str(state.get(name, "")) for name in ("status", "error", "traceback"))
    command = run.overrides if run.tuning is None else run.tuning.get("command")
    if any(record.overrides == command for record in records):
        return None
    if status == FINISHED:
        raise ValueError("metrics.json is missing, though status.json says that the run has finished")
    status = status or "running"
    return Failure(run.overrides, error or KILLED, trace, False, status, "", run.dataset, run.fusion)


def known_record(folder: Path) -> RunRecord:
    """Read the record of a run and check its types.

    Raises:
        ValueError: it cannot be read, or has another version; the message names the file.
    """
    file = folder / FILE
    check_readable(file)
    try:
        record = read_record(folder)
    except DAMAGE as error:
        reason = str(error).removeprefix(f"{file} ") if isinstance(error, ValueError) else damage(file, error)
        raise ValueError(f"{FILE} {reason.partition(':')[0] if 'version' in reason else reason}") from error
    try:
        checked(Config, record.config)
    except ValueError as error:
        raise ValueError(f"{FILE}: {error}") from error
    return record


def own_compared(run: Run) -> list[str]:
    """Return what the sweep of a run compares like fusions."""
    report = run.config.get("report")
    names = report.get("compared") if isinstance(report, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def with_shared_code(run: Run, compared: Collection[str]) -> Run:
    """Return the run with the hash of the code that it shares with runs that differ in its fusion and in `compared`."""
    own = {place: key for place, key in run.config["code_parts"].items() if not within(place, compared)}
    return replace(run, config=run.config | {"code": key_of(own, set())}) if compared and own else run


def read_run(folder: Path) -> tuple[Run, dict[str, Any]]:
    """Read a run from its files.

    Returns:
        The run, with its setting still empty, and its {config group: choice}.

    Raises:
        ValueError: a file is damaged or foreign; the message names it.
    """
    saved = read_object(folder / "metrics.json")
    try:
        evaluated = checked(Evaluated, saved)
        metrics = {name: value for name, value in saved.items() if name not in FACTS and is_metric(name, value)}
    except ValueError as error:
        raise ValueError(f"metrics.json: {error}") from error
    record = known_record(folder)
    run = Run(
        folder=folder,
        dataset=record.dataset,
        source=record.data_source,
        fingerprint=record.fingerprint,
        fusion=record.fusion,
        setting="",
        seed=record.seed,
        dataset_seed=dataset_seed(record),
        metrics=metrics,
        undefined=evaluated["undefined"],
        baselines=evaluated["baselines"],
        surface=evaluated.get("availability/surface", []),
        history=read_history(folder),
        config=record.config | {name: getattr(record, name) for name in FROM_RECORD},
        card=read_card(folder),
        tuning=tuning_of(record),
    )
    check_samples(run)
    for name in RUN_FIGURES:
        check_picture(folder / name)
    return run, record.choices | {f"weights.{modality}": name for modality, name in record.weights.items()}


def dataset_seed(record: RunRecord) -> int:
    """Return `dataset.seed`, 0 if the config lacks it; ValueError if it is no whole number."""
    dataset = record.config.get("dataset", {})
    seed = dataset.get("seed", 0) if isinstance(dataset, dict) else 0
    if type(seed) is not int:
        raise ValueError(f"{FILE}: dataset.seed must be a whole number, got {seed!r}")
    return seed


def tuning_of(record: RunRecord) -> Tuning | None:
    """Return how mode=tune chose the settings of a run, None if it did not; ValueError for an entry of another form."""
    if record.tuning is None:
        return None
    try:
        tuning: Tuning = checked(Tuning, record.tuning)
        parse_space(tuning["space"])
    except ValueError as error:
        raise ValueError(f"{FILE}: record.tuning.{error}") from error
    return tuning


def is_metric(name: str, value: Any) -> bool:
    """Return whether an entry of `metrics.json` is a metric; ValueError for one that is no finite number or None."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and not abs(value) <= sys.float_info.max:
        raise ValueError(f"{name} is not finite")
    if name in {spec.name for spec in CATALOGUE} and not number and value is not None:
        raise ValueError(f"{name} must be a number or null, got {value!r}")
    return number or value is None


def read_card(folder: Path) -> dict[str, Any]:
    """Read the data card, as far as a comparison needs it; an empty one if there is none."""
    file = folder / "data_card.json"
    if not file.exists():
        return {}
    try:
        return checked(DataCard, read_object(file))
    except ValueError as error:
        raise ValueError(f"{file.name}: {str(error).removeprefix(f'{file.name} ')}") from error


def check_samples(run: Run) -> None:
    """Raise ValueError if `predictions.parquet` is there and cannot be read, or is of other samples."""
    file = run.folder / "predictions.parquet"
    if not file.exists():
        return
    if not file.is_file():
        raise ValueError(f"{file.name} is not a file")
    try:
        values = sample_values(run)
        lengths = {len(x) for x in values.values()}
        undefined = [name for name, x in values.items() if not np.isfinite(x).all()]
    except Exception as error:  # of a foreign table nearly anything is raised
        raise ValueError(f"{file.name} {damage(file, error)}") from error
    if undefined:
        raise ValueError(f"{file.name} has no finite number for {undefined[0]}")
    test = run.card.get("classes", {}).get("test")
    expected = min(lengths, default=0) if test is None else sum(test.values())
    if lengths - {expected}:
        raise ValueError(f"{file.name} has {max(lengths)} samples, but the test split has {expected}")


def check_picture(file: Path) -> None:
    """Raise ValueError if a figure is there and cannot be shown."""
    if not file.exists():
        return
    check_readable(file)
    try:
        with Image.open(file, formats=["PNG"]) as picture:
            picture.load()
    except Exception as error:  # of a damaged picture nearly anything is raised
        raise ValueError(f"{file.name} {damage(file, error)}") from error
