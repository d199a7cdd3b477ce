"""The commands of sweeps that do what a set of runs lacks."""

from collections.abc import Iterable

from multimodal.comparison.gain_matrix import task_name
from multimodal.comparison.pairwise_test import base_name
from multimodal.comparison.run import Run
from multimodal.comparison.wording import counted
from multimodal.runs.command import SCRIPT, command

SWEPT = ("dataset", "caption", "task", "fusion", "seed")  # joined over the runs; other settings stay as they were
MOST = 3  # commands
PLACED = ("output_dir", "dataset.source")  # said anew


def base_fusion(run: Run) -> str:
    """Return the option of the group `fusion`, without the arguments in which the runs differ."""
    return base_name(run.fusion)


def given_settings(run: Run) -> list[str]:
    """Return the overrides of the command that made a run; of a tuned one, those of the search."""
    overrides: list[str] = run.config.get("overrides", []) if run.tuning is None else run.tuning["command"]
    return overrides


def kept_settings(run: Run) -> tuple[str, ...]:
    """Return the overrides of a run that a sweep of all such runs repeats."""
    return tuple(o for o in given_settings(run) if o.partition("=")[0] not in (*SWEPT, *PLACED))


def task_of(run: Run) -> str:
    """Return the option of the group `task`."""
    name = task_name(run)
    return name.removeprefix("task=") if name.startswith("task=") else "redundant"


def sweep_commands(
    runs: list[Run], *more: str, fusions: list[str] | None = None, seeds: list[int] | None = None
) -> str:
    """Return a command for each set of runs that differ only in what a sweep joins, in lines; of many sets a few.

    Args:
        runs: at least one.
        more: further overrides, which replace those of the runs.
        fusions: names; those of the runs by default.
        seeds: those of the runs by default.
    """
    sets: dict[frozenset[str], list[Run]] = {}
    for run in runs:
        sets.setdefault(frozenset(kept_settings(run)), []).append(run)
    lines = [sweep_command(alike, *more, fusions=fusions, seeds=seeds) for alike in list(sets.values())[:MOST]]
    rest = len(sets) - len(lines)
    return "\n".join([*lines, *([f"# and for {counted(rest, 'more setting')}"] if rest else [])])


def sweep_command(alike: list[Run], *more: str, fusions: list[str] | None, seeds: list[int] | None) -> str:
    """Return the command for runs with the same settings; the arguments are those above."""
    first, names = alike[0], [override.partition("=")[0] for override in more]
    asked = {"task", "experiment"} & set(names)  # another task: its settings are others
    dropped = (*(["task."] if asked else []), *(["mode."] if "mode" in names else []))  # another search too
    kept = [override for override in kept_settings(first) if not override.startswith(dropped)]
    words = [override for override in kept if override.partition("=")[0] not in names]
    tasks = sorted({task_of(run) for run in alike})
    given = any(override.startswith("task=") for run in alike for override in given_settings(run))
    if not asked and (given or tasks != ["redundant"]):
        words.append(f"task={','.join(tasks)}")
    captions = list(dict.fromkeys(o for run in alike for o in given_settings(run) if o.startswith("caption=")))
    words += captions[:1]
    words.append(f"dataset={joined(run.dataset for run in alike)}")
    sources = {run.source for run in alike}
    if sources <= {"hub", "embedded"} and len(sources) == 1:
        words.append(f"dataset.source={sources.pop()}")
    words.append(f"seed={','.join(map(str, seeds)) if seeds else joined(str(run.seed) for run in alike)}")
    words.append(f"fusion={','.join(fusions or unique(base_fusion(run) for run in alike))}")
    if any(override.startswith("output_dir=") for override in given_settings(first)):
        words.append(f"output_dir={first.folder.parent}")
    return command([*SCRIPT, "-m", *more, *words])


def unique(names: Iterable[str]) -> list[str]:
    """Return names in order, each once."""
    return list(dict.fromkeys(names))


def joined(names: Iterable[str]) -> str:
    """Return the values of a sweep."""
    return ",".join(unique(names))
