"""The runs that the reliability checklist judges: where some were repeated under better conditions, the better ones.

What the checklist says to run is done beside the runs that lack it, in the same folder. These stay there and in the
report, as groups of their own, but the runs that were made in their place are judged.
"""

import json
from collections import Counter
from typing import Any

from multimodal.comparison.check import Groups
from multimodal.comparison.run import Run
from multimodal.comparison.run_labels import PROTOCOL

CONDITIONS = ("fusion_parameters", "code")  # and `tuned.*`: how a comparison is made, not what is compared


def judged(groups: Groups) -> Groups:
    """Return {title: runs to judge} of each comparison: groups that differ in nothing but how they were made are one.

    Of runs with the same fusion and seeds, those are judged that were tuned by the most trials, then those whose size
    `fusion_parameters` sets, then those of the search and size that most runs have, then those last in the alphabet.
    Runs of several versions of the code are all judged: none is better. The title is that of the first group.
    """
    comparisons: dict[tuple[str, ...], tuple[str, list[Run]]] = {}
    for title, runs in groups.items():
        for run in runs:
            comparisons.setdefault(comparison_key(run), (title, []))[1].append(run)
    return {title: best_made(runs) for title, runs in comparisons.values()}


def best_made(runs: list[Run]) -> list[Run]:
    """Return, of the runs of one comparison, those that are made best of each fusion and seeds."""
    counts = Counter(map(made, runs))
    ranks = [(trials(run), sized(run), counts[made(run)], made(run)) for run in runs]
    best: dict[tuple[str, tuple[int, int]], Any] = {}
    for run, rank in zip(runs, ranks, strict=True):
        key = (run.fusion, run.seeds)
        best[key] = max(rank, best.get(key, rank))
    return [run for run, rank in zip(runs, ranks, strict=True) if rank == best[run.fusion, run.seeds]]


def passed_over(groups: Groups) -> Groups:
    """Return {title: runs that others stand for}, of the groups that have some."""
    kept = {id(run) for runs in judged(groups).values() for run in runs}
    rest = {title: [run for run in runs if id(run) not in kept] for title, runs in groups.items()}
    return {title: runs for title, runs in rest.items() if runs}


def comparison_key(run: Run) -> tuple[str, ...]:
    """Return the key of runs that are compared, or could be if they were made alike."""
    return (*compared_data(run), ", ".join(part for part in run.setting.split(", ") if not is_condition(part)))


def compared_data(run: Run) -> tuple[str, ...]:
    """Return the key of runs on the same data and task, whatever their other settings."""
    return run.dataset, run.source, run.fingerprint


def is_condition(part: str) -> bool:
    """Return whether a part of a run's setting, `tuned.trials=20`, says how a comparison is made."""
    name = part.partition("=")[0]
    return name in CONDITIONS or name.startswith("tuned.")


def made(run: Run) -> tuple[str, str]:
    """Return the search and the size that a run was made with."""
    return protocol(run), str(run.config.get("fusion_parameters"))


def protocol(run: Run) -> str:
    """Return how a run was tuned, as a text that is equal for equal searches; empty if it was not."""
    tuning = run.tuning
    return "" if tuning is None else json.dumps([*(tuning[name] for name in PROTOCOL), tuning["sampler_seed"]])


def trials(run: Run) -> int:
    """Return the number of trials that a run's settings were chosen from."""
    return 0 if run.tuning is None else run.tuning["trials"]


def sized(run: Run) -> bool:
    """Return whether `fusion_parameters` sets the size of a run's fusion."""
    return run.config.get("fusion_parameters") is not None
