"""The reliability checklist of a comparison, filled in from its runs.

After Rheude et al. 2025, Fusion or Confusion? Multimodal Complexity Is Not All You Need,
https://arxiv.org/abs/2512.22991, whose checklist a reader ticks by hand. Each item is a function of the groups of runs.
"""

from collections.abc import Callable

from multimodal.comparison.check import Check, Groups, named
from multimodal.comparison.data_checks import no_duplicates, same_code_and_data, unused_test_split
from multimodal.comparison.fusion_checks import enough_seeds, equal_parameters, no_collapses, positive_control
from multimodal.comparison.judged_runs import judged, passed_over
from multimodal.comparison.tuning_checks import equal_tuning, tuned_controls
from multimodal.comparison.wording import counted

SOURCE = "After Rheude et al. 2025 (arXiv 2512.22991); filled in from the runs of this folder."
CHECKS: tuple[Callable[[Groups], Check], ...] = (
    equal_tuning,
    tuned_controls,
    unused_test_split,
    no_duplicates,
    equal_parameters,
    enough_seeds,
    no_collapses,
    positive_control,
    same_code_and_data,
)


def checklist(groups: Groups) -> list[Check]:
    """Return all items, of the runs that are judged; none without runs."""
    runs = judged(groups)
    return [check(runs) for check in CHECKS] if runs else []


def checklist_source(groups: Groups) -> str:
    """Return the sentences on where the checklist is from, and which runs of the folder it does not judge."""
    rest = passed_over(groups)
    if not rest:
        return SOURCE
    count = counted(sum(map(len, rest.values())), "run")
    why = "because the same fusions and seeds were run again, tuned better or set to one size"
    return f"{SOURCE} Not judged: {count} of {named(rest)}, {why}."
