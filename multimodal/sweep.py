"""Run the jobs of a sweep: each leaves a record, a failed one does not stop the others, a table ends the sweep."""

import logging
import os
import signal
import sys
import traceback
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pandas as pd
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException
from hydra.experimental.callback import Callback
from hydra.utils import instantiate
from omegaconf import DictConfig

from multimodal.comparison.pairwise_test import check_margin
from multimodal.comparison.report import write_report
from multimodal.io import read_csv, read_json, write_csv
from multimodal.metric import catalogue
from multimodal.runs.composition import Composition
from multimodal.runs.job import FINISHED, JobRecord, read_jobs
from multimodal.runs.settings import check_settings
from multimodal.tracking.tracker import Tracker
from multimodal.training.interruption import Interrupted

log = logging.getLogger(__name__)

TABLE = "sweep.csv"
SWEEP = "MULTIMODAL_SWEEP"  # environment variable with the sweep's name


def run_job(cfg: DictConfig) -> float | None:
    """Run the job that `mode` names, a function of multimodal/run.py.

    In a sweep, write a record of the outcome and raise nothing, so that the next job starts. Alone, print an error of
    the user's (ValueError) in one line instead of a traceback.

    Args:
        cfg: composed by Hydra.

    Returns:
        In a sweep the lowest validation loss, which a sweeper may minimise.
    """
    try:
        hydra = cast(DictConfig, HydraConfig.get())  # typed as the structure it was made from
        composition = Composition.of(cfg, hydra)
        if composition.multirun:
            return in_sweep(composition, Path(hydra.sweep.dir))
        check_settings(cfg)
        instantiate(cfg.mode)(composition, instantiate(cfg.tracking))
    except (ValueError, FloatingPointError, InstantiationException) as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        mistake = raised(error)
        plain = isinstance(mistake, ValueError | FloatingPointError)  # else Hydra's text names part and setting
        raise SystemExit(f"error: {mistake if plain else error}\n(HYDRA_FULL_ERROR=1 shows where)") from error
    except Interrupted as error:
        print(error if cfg.resume else f"{error}, without resume=false", file=sys.stderr)
        raise SystemExit(128 + error.received) from error
    except KeyboardInterrupt as error:
        message = "interrupted; the same command again goes on from what was saved"
        print(message if cfg.resume else f"{message}, without resume=false", file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from error
    return None


def raised(error: BaseException) -> BaseException:
    """Return what a component raised, without Hydra's wrapping."""
    return error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error


def in_sweep(composition: Composition, folder: Path) -> float | None:
    """Run a job and write its record; return its lowest validation loss, which a sweeper may minimise, or None."""
    cfg = composition.config
    record = JobRecord(
        sweep=os.environ.get(SWEEP, ""),
        overrides=composition.overrides,
        dataset=composition.choices["dataset"],
        fusion=composition.choices["fusion"],
        seed=cfg.seed,
    )
    record.write(folder)
    tracker = None
    try:
        check_settings(cfg)
        tracker = instantiate(cfg.tracking)
        record = record.finished(instantiate(cfg.mode)(composition, tracker))
        record.write(folder)
        return min((row["validation/loss"] for row in read_csv(Path(record.folder) / "history.csv")), default=None)
    except KeyboardInterrupt:
        replace(record, status="interrupted", error="interrupted").write(folder)
        raise
    except (Exception, SystemExit) as error:
        log.exception("job failed: %s", " ".join(record.overrides))
        mistake = raised(error)
        record = record.failed(f"{type(mistake).__name__}: {mistake}", traceback.format_exc())
        record.write(folder)
        if tracker is not None and not tracker.opened:
            track_failure(tracker, record, record.file(folder).with_suffix(""), mistake)
    return None


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
        tracker.open(folder, name, group, [record.dataset, record.fusion], config)
        tracker.__exit__(type(error), error, error.__traceback__)
        if not any(folder.iterdir()):
            folder.rmdir()
    except Exception:  # the record on disk is whole without it
        log.exception("the failed job could not be logged to the tracker")


class SweepTable(Callback):
    """Writes the table of the jobs and the comparison report at the end of `-m`; exits with 1 if a job failed.

    Hydra turns whatever a callback raises into a warning, but for SystemExit.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Give this sweep an identifier, which its jobs write into their records."""
        os.environ[SWEEP] = uuid.uuid4().hex
        try:
            check_margin(config.report.margin)
            check_swept(config)
        except ValueError as error:
            raise SystemExit(f"error: {error}") from error
        Path(config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)  # for a study's database

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Read the records from disk, because other launchers run jobs in other processes; write table and report."""
        sweep = Path(config.hydra.sweep.dir)
        records = [record for record in read_jobs(sweep) if record.sweep == os.environ[SWEEP]]
        failed = [record for record in records if record.status != FINISHED]
        good = bool(records) and not failed
        try:
            rows = sorted(map(table_row, records), key=lambda row: (row["dataset"], row["fusion"], row["seed"]))
            write_csv(rows, sweep / TABLE)
            print(as_text(rows), f"\n{len(rows)} jobs, {len(failed)} failed; the table is {sweep / TABLE}", sep="\n")
            written = write_report(sweep, config.report.margin)
            if written is not None:
                print(f"the comparison of all runs in {sweep} is {written}")
                instantiate(config.tracking).publish(sweep)
        except Exception:
            log.exception("the sweep's report failed; mode=report output_dir=%s writes it again", sweep)
            good = False
        for record in failed:
            print(f"failed: {' '.join(record.overrides)}: {record.error}")
        if not good:
            raise SystemExit(1)


def check_swept(config: DictConfig) -> None:
    """Raise ValueError where several evaluations would share the folder of one trained model."""
    overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    swept = [o.key_or_group for o in overrides if o.is_sweep_override()]
    evaluations = [name for name in swept if name.partition(".")[0] == "evaluation"]
    if evaluations and config.checkpoint is None:
        raise ValueError(
            f"{evaluations[0]} cannot be swept while training: train first, then sweep it with "
            "mode=evaluate checkpoint=<a run's folder> output_dir=<a folder of its own>"
        )


def table_row(record: JobRecord) -> dict[str, Any]:
    """Return a job's row: dataset, fusion, seed, status, data source and main metrics, None for a missing metric."""
    row = {"dataset": record.dataset, "fusion": record.fusion, "seed": record.seed, "status": record.status}
    names = [spec.name for spec in catalogue.shown_in(catalogue.SWEEP)]
    if record.status != FINISHED:
        return row | {"source": ""} | dict.fromkeys(names)
    metrics = read_json(Path(record.folder) / "metrics.json")
    row |= {"source": metrics["data_source"]} | {name: metrics.get(name) for name in names}
    return row | {"folder": record.folder}


def as_text(rows: list[dict[str, Any]]) -> str:
    """Return the table for a terminal: a metric in each column, its group above its name, a dash for None."""
    if not rows:
        return "no job was started"
    metrics = [spec.name for spec in catalogue.shown_in(catalogue.SWEEP)]
    table = pd.DataFrame(rows)[["dataset", "source", "fusion", "seed", "status", *metrics]]
    table = table.astype(dict.fromkeys(metrics, float))
    table.columns = pd.MultiIndex.from_tuples([name.rpartition("/")[::2] for name in table.columns])
    return table.to_string(index=False, na_rep="-", float_format="{:.3f}".format, sparsify=False)
