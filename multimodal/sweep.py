"""Run the jobs of a sweep: each leaves a record, a failed one does not stop the others, a table ends the sweep."""

import gc
import logging
import os
import shutil
import signal
import sys
import traceback
import uuid
from pathlib import Path
from typing import Any, cast

import pandas as pd
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from multimodal.comparison.grouping import natural
from multimodal.comparison.pairwise_test import check_margin
from multimodal.comparison.report import write_report
from multimodal.errors import describe, read_object
from multimodal.io import write_csv
from multimodal.metric import catalogue
from multimodal.number_text import decimal_text
from multimodal.runs.composition import Composition, sweep_folder
from multimodal.runs.job import FINISHED, JobRecord, own_records, read_jobs
from multimodal.runs.run_dir import make_writable
from multimodal.runs.settings import EXPECTED, check_compared, check_settings, explain, out_of_memory
from multimodal.runs.space import check_tuning_jobs
from multimodal.tracking.guarded import GuardedTracker
from multimodal.tracking.tracker import TrackedRun, Tracker
from multimodal.training.device import by_torchrun
from multimodal.training.interruption import Interrupted, interruptible, requeue_job

log = logging.getLogger(__name__)

TABLE = "sweep.csv"
SWEEP = "MULTIMODAL_SWEEP"  # environment variable with the sweep's name
OWN_COLUMNS = ("dataset", "fusion", "seed", "dataset.source")  # of the table, whatever was swept
RESUMED = ("train", "evaluate", "tune")  # modes that go on from what an interrupted job saved, as samples= does
PER_RUN = ("WANDB_RUN_ID", "WANDB_RESUME", "WANDB_NAME")  # environment variables that would make all jobs one W&B run


def run_job(cfg: DictConfig) -> None:
    """Run the job that `mode` names, a function of multimodal/run.py.

    In a sweep, write a record of the outcome and raise nothing, so that the next job starts. Alone, print an error of
    the user's (ValueError) in one line instead of a traceback.

    Args:
        cfg: composed by Hydra.
    """
    try:
        with interruptible():
            run_composed(cfg)
    except KeyboardInterrupt as error:
        raise SystemExit(stop(error, HydraConfig.get().runtime.choices["mode"], cfg)) from error
    except Exception as error:
        if not isinstance(error, InstantiationException) and not told_in_a_line(error):
            raise
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        raise SystemExit(f"error: {explain(error, cfg)}\n(HYDRA_FULL_ERROR=1 shows where)") from error


def run_composed(cfg: DictConfig) -> None:
    """Run the job of a config; see `run_job`."""
    hydra = cast(DictConfig, HydraConfig.get())  # typed as the structure it was made from
    composition = Composition.of(cfg, hydra)
    if composition.multirun:
        in_sweep(composition, Path(hydra.sweep.dir))
        return
    check_settings(cfg)
    instantiate(cfg.mode)(composition, build_tracker(cfg))


def build_tracker(cfg: DictConfig) -> Tracker:
    """Build the tracker of the config, which may fail without stopping a run."""
    return GuardedTracker(instantiate(cfg.tracking, _convert_="all"))


def stop(error: KeyboardInterrupt, mode: str, cfg: DictConfig) -> int:
    """Print that a signal stopped the command, and how to go on if the mode saved something; return the exit status.

    Args:
        error: which the signal raised.
        mode: that was stopped.
        cfg: with `resume`, without which the same command would begin anew, and `requeue`, by which SIGTERM, which
            Slurm sends before it ends a job, puts the job back into the queue.
    """
    step, received = (error.step, error.received) if isinstance(error, Interrupted) else (None, signal.SIGINT)
    message = str(error) or "interrupted"
    if mode == "demo":
        message += "; the demo is ended"
    elif mode in RESUMED or cfg.samples is not None:
        if step is None:
            message += "; the same command again goes on from what was saved"
        if not cfg.resume:
            message += ", without resume=false"
    print(message, file=sys.stderr)
    if cfg.requeue and received is signal.SIGTERM:
        print(f"requeue=true: {requeue_job()}", file=sys.stderr)
    return 128 + received


def told_in_a_line(error: BaseException) -> bool:
    """Return whether the user can mend what an error tells, so that no traceback is needed."""
    return isinstance(error, EXPECTED) or out_of_memory(error)


def raised(error: BaseException) -> BaseException:
    """Return what a component raised, without Hydra's wrapping."""
    return error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error


def in_sweep(composition: Composition, folder: Path) -> None:
    """Run a job and write its record."""
    cfg = composition.config
    record = JobRecord(
        sweep=os.environ.get(SWEEP, ""),
        overrides=composition.overrides,
        dataset=composition.choices["dataset"],
        fusion=composition.choices["fusion"],
        seed=cfg.seed,
    )
    tracker = None
    try:
        record.write(folder)
        check_settings(cfg)
        tracker = build_tracker(cfg)
        record = record.finished(instantiate(cfg.mode)(composition, tracker))
        record.write(folder)
    except KeyboardInterrupt:
        write_record(record.interrupted(), folder)
        raise
    except (Exception, SystemExit) as error:
        mistake, line = raised(error), " ".join(record.overrides)
        if told_in_a_line(mistake) and os.environ.get("HYDRA_FULL_ERROR") != "1":
            log.error("job failed: %s: %s", line, explain(error, cfg))
        else:
            log.exception("job failed: %s", line)
        record = record.failed(f"{type(mistake).__name__}: {describe(mistake)}", traceback.format_exc())
        write_record(record, folder)
        if tracker is not None and not tracker.opened:
            track_failure(tracker, record, record.file(folder).with_suffix(""), mistake)
    finally:
        gc.collect()  # models lie in cycles, which Python else leaves for many jobs: half a megabyte of each, and more


def write_record(record: JobRecord, folder: Path) -> None:
    """Write a job's outcome; where that is impossible, log it, so that the next job starts."""
    try:
        record.write(folder)
    except OSError as error:
        log.error("the job's record could not be written: %s", describe(error))


def track_failure(tracker: Tracker, record: JobRecord, folder: Path, error: BaseException) -> None:
    """Log a job that failed before its run was tracked (bad data, no memory) as a failed run.

    Args:
        tracker: not opened yet.
        record: of the job.
        folder: for the tracker's files, beside the record; removed where it keeps none.
        error: why it failed.
    """
    group = folder.resolve().parent.parent.name
    config = {"choices": {"dataset": record.dataset, "fusion": record.fusion}, "seed": record.seed}
    config |= {"overrides": record.overrides, "sweep": group}
    name = f"{record.dataset}-{record.fusion}-s{record.seed}-failed"
    try:
        folder.mkdir(exist_ok=True)
        tags = [record.dataset, record.fusion]
        tracker.open(folder, TrackedRun(None, name, group, "train", tags, config, resume=False))
        tracker.__exit__(type(error), error, error.__traceback__)
        if not any(folder.iterdir()):
            folder.rmdir()
    except Exception:  # the record on disk is whole without it
        log.exception("the failed job could not be logged to the tracker")


class SweepTable(Callback):
    """Writes the table of the jobs and the comparison report at the end of `-m`; exits with 1 if a job failed.

    Hydra turns whatever a callback raises into a warning, but for SystemExit.
    """

    def __init__(self) -> None:
        self.started = 0  # jobs in this process; those of other launchers are only in the records

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse folders of Hydra's own."""
        try:
            check_places(config)
        except ValueError as error:
            raise SystemExit(f"error: {error}") from error

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Give this sweep an identifier, which its jobs write into their records."""
        os.environ[SWEEP] = uuid.uuid4().hex
        if by_torchrun():
            raise SystemExit("error: a sweep starts its processes itself: give -m without torchrun")
        try:
            check_places(config)
            check_margin(config.report.margin)
            check_compared(config.report.compared)
            check_swept(config)
            check_tuning_jobs(config)
            make_writable(Path(config.hydra.sweep.dir))  # for the records and Hydra's files
        except ValueError as error:
            raise SystemExit(f"error: {error}") from error
        except OSError as error:
            raise SystemExit(f"error: output_dir: {describe(error)}") from error
        except Exception as error:  # of which Hydra would only warn, and start the jobs
            traceback.print_exc()
            raise SystemExit("error: the sweep cannot be checked, so it is not started") from error
        given = [name for name in PER_RUN if os.environ.pop(name, None) is not None]
        if given:
            log.warning("%s: dropped, because every job of a sweep is a W&B run of its own", ", ".join(given))

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Count the job."""
        self.started += 1

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Read the records from disk, because other launchers run jobs in other processes; write table and report."""
        sweep = Path(config.hydra.sweep.dir)
        own = own_records(sweep, os.environ[SWEEP])
        records, damaged = read_jobs(own)
        failed = [record for record in records if record.status != FINISHED]
        lost = max(self.started - len(records), len(damaged))
        good = bool(records) and not failed and not lost
        try:
            names = swept_settings(records)
            rows = table_rows(records, names)
            write_csv(rows, sweep / TABLE)
            jobs = f"{len(rows) + lost} jobs, {len(failed) + lost} failed"
            print(as_text(rows, names), f"\n{jobs}; the table is {sweep / TABLE}", sep="\n")
            written = write_report(sweep, config.report.margin, config.report.compared)
            if written is not None:
                print(f"the comparison of all runs in {sweep} is {written}")
                build_tracker(config).publish(sweep)
        except EXPECTED as error:
            log.error(
                "the sweep's report failed (%s); mode=report output_dir=%s writes it again", describe(error), sweep
            )
            good = False
        except Exception:
            log.exception("the sweep's report failed; mode=report output_dir=%s writes it again", sweep)
            good = False
        for record in failed:
            print(f"failed: {' '.join(record.overrides)}: {record.error}")
        if lost:
            print(f"failed: {lost} of the jobs left no readable record in {own}", *damaged, sep="; ")
        elif records:
            shutil.rmtree(own, ignore_errors=True)
        if not good:
            raise SystemExit(1)


def check_places(config: DictConfig) -> None:
    """Raise ValueError for folders of Hydra's own, which would part the runs from their table."""
    hydra = config.hydra
    wanted: dict[str, tuple[Any, Any]] = {"hydra.job.chdir": (bool(hydra.job.chdir), False)}
    wanted["hydra.output_subdir"] = (hydra.output_subdir, None)
    if hydra.mode is RunMode.MULTIRUN:
        wanted["hydra.sweep.dir"] = (hydra.sweep.dir, sweep_folder(config.output_dir))
        # not resolved, as it may name the job's number, which is not known yet
        subdir = cast(dict[str, Any], OmegaConf.to_container(hydra.sweep, resolve=False))["subdir"]
        wanted["hydra.sweep.subdir"] = (subdir, ".")
    else:
        wanted["hydra.run.dir"] = (hydra.run.dir, ".")
    for name, (value, expected) in wanted.items():
        if value != expected:
            raise ValueError(f"{name} cannot be set, got {value}: output_dir=<a folder> says where runs are written")


def check_swept(config: DictConfig) -> None:
    """Raise ValueError where several evaluations would share the folder of one trained model, or jobs no folder."""
    overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    swept = [o.key_or_group for o in overrides if o.is_sweep_override()]
    swept += list(config.hydra.sweeper.get("params") or {})
    if "output_dir" in swept:
        raise ValueError("output_dir cannot be swept: it is the folder of all jobs, each of which gets its own in it")
    evaluations = [name for name in swept if name.partition(".")[0] == "evaluation"]
    if evaluations and config.checkpoint is None:
        raise ValueError(
            f"{evaluations[0]} cannot be swept while training: train first, then sweep it with "
            "mode=evaluate checkpoint=<a run's folder> output_dir=<a folder of its own>"
        )


def settings_of(record: JobRecord) -> dict[str, str]:
    """Return {setting: value} of a job's command line."""
    return dict(override.lstrip("+").partition("=")[::2] for override in record.overrides)


def swept_settings(records: list[JobRecord]) -> list[str]:
    """Return the settings in which the command lines differ, without those that have a column anyway."""
    lines = [settings_of(record) for record in records]
    names = dict.fromkeys(name for line in lines for name in line)
    return [name for name in names if name not in OWN_COLUMNS and len({line.get(name) for line in lines}) > 1]


def table_rows(records: list[JobRecord], names: list[str]) -> list[dict[str, Any]]:
    """Return the rows of the jobs, sorted by dataset, fusion, swept settings (numbers by their size) and seed."""
    rows = [table_row(record, names) for record in records]

    def order(row: dict[str, Any]) -> list[Any]:
        return [row["dataset"], row["fusion"], *(natural(row[name]) for name in names), row["seed"]]

    return sorted(rows, key=order)


def table_row(record: JobRecord, names: list[str]) -> dict[str, Any]:
    """Return a job's row: dataset, fusion, swept settings, seed, status, source and main metrics, None if missing.

    Args:
        record: of the job.
        names: the settings that were swept.
    """
    given = settings_of(record)
    row: dict[str, Any] = {"dataset": record.dataset, "fusion": record.fusion}
    row |= {name: given.get(name, "") for name in names}
    row |= {"seed": record.seed, "status": record.status}
    metrics = [spec.name for spec in catalogue.shown_in(catalogue.SWEEP)]
    if record.status != FINISHED:
        return row | {"source": ""} | dict.fromkeys(metrics)
    found = read_object(Path(record.folder) / "metrics.json")
    row |= {"source": found.get("data_source", "")} | {name: found.get(name) for name in metrics}
    return row | {"folder": record.folder}


def as_text(rows: list[dict[str, Any]], names: list[str]) -> str:
    """Return the table for a terminal: a metric in each column, its group above its name, a dash for None.

    Args:
        rows: of the jobs.
        names: the settings that were swept.
    """
    if not rows:
        return "no job was started"
    metrics = [spec.name for spec in catalogue.shown_in(catalogue.SWEEP)]
    table = pd.DataFrame(rows)[["dataset", "source", "fusion", *names, "seed", "status", *metrics]]
    table = table.astype(dict.fromkeys(metrics, float))
    table.columns = pd.MultiIndex.from_tuples([name.rpartition("/")[::2] for name in table.columns])
    return table.to_string(index=False, na_rep="-", float_format=lambda x: decimal_text(x, 3), sparsify=False)
