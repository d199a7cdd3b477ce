"""The table of mode=tune: trials and choices of each fusion, and the space that they were chosen from."""

from typing import Any

from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.run import Run, Tuning
from multimodal.comparison.table import DASH, Table, as_cells, cell
from multimodal.number_text import decimal_text
from multimodal.runs.space import parse_space, value_text

CAPTION = "Tuning"
MEANING = (
    "Settings that mode=tune chose for each fusion: of as many trials in the same space, those of the trial with the "
    "highest accuracy with both modalities on the validation split, of equal ones the earliest. That accuracy is the "
    "best of many and so too high; the other tables have test accuracies of other seeds at these settings."
)


def tuning_table(groups: dict[str, list[Run]]) -> Table:
    """Return the table, a line for each fusion of a group that was tuned."""
    found = {
        title: {fusion: own[0].tuning for fusion, own in by_fusion(runs).items() if own[0].tuning is not None}
        for title, runs in groups.items()
    }
    settings = list(dict.fromkeys(name for own in found.values() for each in own.values() for name in each["chosen"]))
    cells = [
        each
        for title, own in found.items()
        for fusion, tuning in own.items()
        for each in tuning_line(title, fusion, tuning, settings)
    ]
    spaces = dict.fromkeys(space_note(tuning) for own in found.values() for tuning in own.values())
    return Table(CAPTION, "fusion", as_cells(cells), [MEANING, *spaces])


def tuning_line(title: str, fusion: str, tuning: Tuning, settings: list[str]) -> list[dict[str, Any]]:
    """Return the cells of a fusion.

    Args:
        title: of its group.
        fusion: its name.
        tuning: how its settings were chosen.
        settings: all that the table has a column for.
    """
    counts = {"trials": tuning["trials"], "failed": tuning["failed"], "chosen trial": tuning["trial"]}
    cells = [cell(title, fusion, name, str(count), count) for name, count in counts.items()]
    accuracy = tuning["validation_accuracy"]
    cells.append(cell(title, fusion, "validation accuracy", decimal_text(accuracy, 3), accuracy))
    for name in settings:
        value = tuning["chosen"].get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        text = value_text(value) if name in tuning["chosen"] else DASH
        cells.append(cell(title, fusion, name, text, value if number else None))
    return cells


def space_note(tuning: Tuning) -> str:
    """Return the note on a search space."""
    space = "; ".join(map(str, parse_space(tuning["space"])))
    seeds = ", ".join(map(str, tuning["tuning_seeds"]))
    return f"Space: {space}. Seeds of the trials: {seeds}; of the search: {tuning['sampler_seed']}."
