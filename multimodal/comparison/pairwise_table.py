"""The table of all pairwise tests."""

from typing import Any

from multimodal.comparison.pairwise_test import Interval, PairwiseTest
from multimodal.comparison.sample_intervals import DIFFERING, SAMPLES
from multimodal.comparison.table import DASH, Table, as_cells, cell, without_empty_columns
from multimodal.comparison.wording import conclusion, difference, sentence, signed, signed_interval, size_of

NOTES = [
    "1 point = 0.01. The verdict follows the intervals over seeds, which show how much training again changes a "
    "difference, and then asks whether other test samples, and seeds and samples together, would show it as well. "
    f"Over test samples: a bootstrap; an exact interval where fewer than {SAMPLES} samples, or fewer than {DIFFERING} "
    "that tell the two apart, are too few for one.",
    "p is adjusted by Holm's method within its family. Of accuracy with both: a family of all comparisons with a "
    "reference fusion, the better control and the product of own answers, over all data of this report, and one of "
    "all other pairs. Of the other measures: the same two, for each data. Equivalence is two one-sided t tests over "
    "seeds and test samples, adjusted alike, and the interval over test samples inside the margin.",
    "Could have been seen: the difference that a test like this one shows in 8 of 10 cases. Median: over the runs; "
    "one failed training does not move it. At chance: runs of each side no better than the most frequent class, by an "
    "exact binomial test.",
    "Six seeds will probably not show a failure that occurs in 1 of 20 runs.",
]


def pairwise_table(tests: list[PairwiseTest]) -> Table:
    """Return the table of all pairwise tests."""
    cells = [cell(t.group, f"{t.first} − {t.second}", **each) for t in tests for each in pairwise_cells(t)]
    kept, note = without_empty_columns(as_cells(cells))
    return Table("All comparisons", "fusions", kept, [*NOTES, *note], ("measure", "verdict"))


def pairwise_cells(test: PairwiseTest) -> list[dict[str, Any]]:
    """Return the cells of a test; differences are in the unit of the metric."""
    in_words = sentence(test)
    undefined = test.mean is None
    chance = " and ".join(map(str, test.collapses)) if any(test.collapses) else "0"
    cells = {
        "measure": (test.metric.title, None),
        "paired seeds": (str(len(test.seeds)), len(test.seeds)),
        "difference": (DASH, None) if undefined else (difference(test), test.mean),
        "median": (DASH, None) if test.median is None else (signed(test, test.median), test.median),
        "95 % interval over seeds": interval_cell(test, test.interval),
        "over test samples": interval_cell(test, test.sample_interval),
        "could have been seen": (DASH, None) if test.mdd is None else (size_of(test, test.mdd), test.mdd),
        "at chance": (DASH, None) if undefined else (chance, sum(test.collapses)),
        "p": (DASH, None) if test.p is None else (f"{test.p:.3f}" if test.p >= 0.001 else "< 0.001", test.p),
        "verdict": (in_words if undefined else conclusion(test), None),
    }
    rows = [{"column": column, "text": text, "value": value} for column, (text, value) in cells.items()]
    rows[-1]["note"] = in_words
    return rows


def interval_cell(test: PairwiseTest, interval: Interval | None) -> tuple[str, float | None]:
    """Return the text of an interval, and its lower end to sort by."""
    return (signed_interval(test, interval), interval[0]) if interval else (DASH, None)
