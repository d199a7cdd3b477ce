"""Which checkpoint of a training is kept as the best, and what early stopping waits for."""

from typing import NamedTuple

Row = dict[str, float]


class Selection(NamedTuple):
    """A quantity of the validation split.

    Args:
        column: its name in the history.
        title: words for log lines and figures, with the better direction.
        sign: 1 if lower is better, -1 if higher is.
        complete: whether it is of samples that lack no modality: these take a forward pass of their own.
    """

    column: str
    title: str
    sign: int
    complete: bool


SELECTIONS = {  # {option of `training.select`: its quantity}
    "loss": Selection("validation/loss", "lowest validation loss", 1, complete=False),
    "accuracy": Selection("validation/accuracy_both", "highest validation accuracy with both", -1, complete=True),
}


def best_row(history: list[Row], select: str) -> Row:
    """Return the row with the best value, of equal ones the earliest.

    Args:
        history: one row or more.
        select: a key of SELECTIONS.

    Example:
        >>> rows = [{"validation/accuracy_both": value} for value in (0.5, 0.75, 0.75, 0.25)]
        >>> best_row(rows, "accuracy") is rows[1]
        True
    """
    selection = SELECTIONS[select]
    return min(history, key=lambda row: selection.sign * row[selection.column])


def since_best(history: list[Row], select: str) -> int:
    """Return the number of rows after the best one; 0 without rows.

    Args:
        history: a row for each validation.
        select: a key of SELECTIONS.
    """
    if not history:
        return 0
    best = best_row(history, select)
    return next(i for i, row in enumerate(reversed(history)) if row is best)
