"""What a comparison is made of: finished runs, and those that cannot be compared."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict


class Tuning(TypedDict):
    """How mode=tune chose the settings of a run.

    Args:
        space: settings with their values, as configured.
        trials: number of trials.
        failed: how many of them failed.
        tuning_seeds: seeds of each trial.
        sampler_seed: seed of the search.
        chosen: {setting: value}.
        trial: number of the chosen trial, from 1.
        validation_accuracy: of the chosen trial, with both modalities.
        untuned: {setting: value before the search}, of all settings that follow from the chosen ones.
        command: overrides of the search.
    """

    space: list[str]
    trials: int
    failed: int
    tuning_seeds: list[int]
    sampler_seed: int
    chosen: dict[str, Any]
    trial: int
    validation_accuracy: float
    untuned: dict[str, Any]
    command: list[str]


@dataclass(frozen=True)
class Run:
    """Holds a finished run.

    Args:
        folder: the run's folder.
        dataset: name of the dataset.
        source: source of the data: `hub`, `path` or `embedded`.
        fingerprint: fingerprint of the data.
        fusion: name of the fusion, with the arguments in which the runs differ: `attention num_layers=2`.
        setting: other settings in which the runs of a dataset differ: `caption=anonymous`, and always a task
            and a caption mode that is not the default; empty if there are none.
        seed: seed of initialisation, sample order and dropout.
        dataset_seed: seed of the split, of drawn data and of the task's draws. Runs that differ only in it are of one
            group, and have one `fingerprint`: that of the lowest of these seeds.
        metrics: {name: value}, None where undefined.
        undefined: {name: reason} for every None.
        baselines: {blind baseline: {name: value}}.
        surface: rows of the availability surface.
        history: rows of `history.csv`.
        config: contents of the run's record, with its command-line overrides.
        card: entries of the data card, `classes` and perhaps `near_duplicate_counts` and `task`; empty without one.
        tuning: how mode=tune chose its settings; None if it did not.
    """

    folder: Path
    dataset: str
    source: str
    fingerprint: str
    fusion: str
    setting: str
    seed: int
    dataset_seed: int
    metrics: dict[str, float | None] = field(repr=False)
    undefined: dict[str, str] = field(repr=False)
    baselines: dict[str, dict[str, float | None]] = field(repr=False)
    surface: list[dict[str, float]] = field(repr=False)
    history: list[dict[str, float]] = field(repr=False)
    config: dict[str, Any] = field(repr=False)
    card: dict[str, Any] = field(default_factory=dict, repr=False)
    tuning: Tuning | None = field(default=None, repr=False)

    @property
    def group(self) -> tuple[str, str, str, str]:
        """Return the key that is equal for runs that may be compared."""
        return self.dataset, self.source, self.fingerprint, self.setting

    @property
    def seeds(self) -> tuple[int, int]:
        """Return the seeds that two runs must have in common to be paired: that of the data, and that of training."""
        return self.dataset_seed, self.seed


@dataclass(frozen=True)
class Failure:
    """A job or a single run that is not compared.

    Args:
        overrides: its command line; empty if unknown.
        error: why, in a line.
        traceback: of a failure.
        multirun: whether it is a job of a sweep.
        status: `failed`; `interrupted`, or `running` if nobody wrote an end; `left out`, for damaged or foreign files.
        name: the folder of what was left out.
        dataset: name of the dataset; empty if unknown.
        fusion: name of the fusion; empty if unknown.
    """

    overrides: list[str]
    error: str
    traceback: str
    multirun: bool = True
    status: str = "failed"
    name: str = ""
    dataset: str = ""
    fusion: str = ""
