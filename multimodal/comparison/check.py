"""An item of the reliability checklist, and the words that several items share."""

from collections.abc import Iterable
from dataclasses import dataclass

from multimodal.comparison.run import Run
from multimodal.comparison.sweep_command import base_fusion, unique

NAMED = 3  # groups, fusions or folders that a finding names

Groups = dict[str, list[Run]]


@dataclass(frozen=True)
class Check:
    """An item of the checklist.

    Args:
        title: what is checked.
        ticked: whether it holds for all groups.
        found: what the runs say.
        todo: what is missing, in words; empty if it is ticked.
        command: what to run, in lines; empty if it is ticked, or no command mends it.
    """

    title: str
    ticked: bool
    found: str
    todo: str = ""
    command: str = ""


def fusion_names(runs: Iterable[Run]) -> list[str]:
    """Return the fusions of runs, each once, without arguments."""
    return unique(base_fusion(run) for run in runs)


def fusions_of(groups: Groups) -> str:
    """Return the names of the fusions of all groups, with their arguments."""
    return ", ".join(unique(run.fusion for runs in groups.values() for run in runs))


def named(titles: Iterable[str]) -> str:
    """Return the titles of a few groups, and how many more there are."""
    every = list(titles)
    more = len(every) - NAMED
    return "; ".join(every[:NAMED]) + (f"; and {more} more" if more > 0 else "")
