"""The table of all pairwise tests."""

from typing import Any

from multimodal.comparison.pairwise_test import PairwiseTest
from multimodal.comparison.sample_intervals import DIFFERING, SAMPLES
from multimodal.comparison.table import DASH, Table, as_cells, cell
from multimodal.comparison.wording import conclusion, difference, sentence, signed_interval

NOTES = [
    "1 point = 0.01. The verdict follows the intervals over seeds, which show how much training again changes a "
    "difference. "
    "Those over test samples show how much another test split changes it; – where fewer than "
    f"{SAMPLES} samples, or fewer than {DIFFERING} that tell the fusions apart, are too few for one.",
    "p is adjusted by Holm's method within its family, on one dataset: the first measure, or all the others, of "
    "all pairs. Equivalence is two one-sided t tests, adjusted alike; one alone is the 90 % interval inside the "
    "margin.",
    "Six seeds will probably not show a failure that occurs in 1 of 20 runs.",
]


def pairwise_table(tests: list[PairwiseTest], margin: float) -> Table:
    """Return the table of all pairwise tests."""
    cells = [cell(t.group, f"{t.first} − {t.second}", **each) for t in tests for each in pairwise_cells(t, margin)]
    return Table("All comparisons", "fusions", as_cells(cells), NOTES, ("measure", "verdict"))


def pairwise_cells(test: PairwiseTest, margin: float) -> list[dict[str, Any]]:
    """Return the cells of a test; differences are in the unit of the metric."""
    in_words = sentence(test, margin)
    cells = {
        "measure": (test.metric.title, None),
        "paired seeds": (str(test.n), test.n),
        "difference": (DASH, None) if test.difference is None else (difference(test), test.difference),
        "95 % interval over seeds": interval_cell(test, test.interval),
        "over test samples": interval_cell(test, test.sample_interval),
        "p": (DASH, None) if test.p is None else (f"{test.p:.3f}" if test.p >= 0.001 else "< 0.001", test.p),
        "verdict": (in_words if test.difference is None else conclusion(test, margin), None),
    }
    rows = [{"column": column, "text": text, "value": value} for column, (text, value) in cells.items()]
    rows[-1]["note"] = in_words
    return rows


def interval_cell(test: PairwiseTest, interval: tuple[float, float] | None) -> tuple[str, float | None]:
    """Return the text of an interval, and its lower end to sort by."""
    return (signed_interval(test, interval), interval[0]) if interval else (DASH, None)
