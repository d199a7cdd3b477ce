"""The table of all pairwise tests."""

from dataclasses import replace
from typing import Any

from multimodal.comparison.pairwise_test import LEAST, SEEDS, Interval, PairwiseTest
from multimodal.comparison.sample_intervals import DIFFERING, SAMPLES
from multimodal.comparison.table import DASH, Table, as_cells, cell
from multimodal.comparison.wording import conclusion, difference, sentence, signed, signed_interval, size_of

NOTES = [
    "1 point = 0.01. The verdict follows the intervals over seeds, which show how much training again changes a "
    "difference, and then asks whether other test samples, and seeds and samples together, would show it as well. "
    f"Over test samples: a bootstrap; an exact interval where fewer than {SAMPLES} samples, or fewer than {DIFFERING} "
    "that tell the two apart, are too few for one.",
    f"Where dataset.seed varies, “over seeds” is over the means of splits. Fewer than {LEAST} have no interval, "
    f"fewer than {SEEDS} paired seeds no test.",
    "p is adjusted by Holm's method within its family. Of accuracy with both: a family of all comparisons with a "
    "reference fusion, the better control, the product of own answers and variants of one fusion, over all data of "
    "this report, and one of all other pairs. Of the other measures: the same two, for each data. Equivalence is two "
    "one-sided t tests over seeds and test samples, adjusted alike, and the interval over test samples inside the "
    "margin.",
    "Could have been seen: the difference that a test like this one shows in 8 of 10 cases. Median: over the runs; "
    "one failed training does not move it. At chance: runs of each side no better than the most frequent class, by an "
    "exact binomial test.",
    "Six seeds will probably not show a failure that occurs in 1 of 20 runs.",
]


def pairwise_table(tests: list[PairwiseTest]) -> Table:
    """Return the table of all pairwise tests."""
    defined = [test for test in tests if test.mean is not None]
    cells = [cell(t.group, f"{t.first} − {t.second}", **each) for t in defined for each in pairwise_cells(t)]
    table = Table("All comparisons", "fusions", as_cells(cells), [], ("measure", "verdict"))
    return replace(table, notes=[*NOTES, *table.hidden_columns(), *why_undefined(tests)])


def why_undefined(tests: list[PairwiseTest]) -> list[str]:
    """Return a note for each reason why differences are undefined, with the fusions and measures that it is of."""
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}  # {reason: (pairs, titles)}, as ordered sets
    for test in tests:
        if test.mean is None:
            pairs, titles = found.setdefault(test.reason or "no seed in common", ({}, {}))
            pairs[f"{test.first} − {test.second}"], titles[test.metric.title] = None, None
    return [
        f"Not compared ({why}): {', '.join(titles)} ({', '.join(pairs)})." for why, (pairs, titles) in found.items()
    ]


def pairwise_cells(test: PairwiseTest) -> list[dict[str, Any]]:
    """Return the cells of a test with a defined difference; differences are in the unit of the metric."""
    chance = " and ".join(map(str, test.collapses)) if any(test.collapses) else "0"
    cells = {
        "measure": (test.metric.title, None),
        "paired seeds": (str(len(test.seeds)), len(test.seeds)),
        "difference": (difference(test), test.mean),
        "median": (DASH, None) if test.median is None else (signed(test, test.median), test.median),
        "95 % interval over seeds": interval_cell(test, test.interval),
        "over test samples": interval_cell(test, test.sample_interval),
        "could have been seen": (DASH, None) if test.mdd is None else (size_of(test, test.mdd), test.mdd),
        "at chance": (chance, sum(test.collapses)),
        "p": (DASH, None) if test.p is None else (f"{test.p:.3f}" if test.p >= 0.001 else "< 0.001", test.p),
        "verdict": (conclusion(test), None),
    }
    rows = [{"column": column, "text": text, "value": value} for column, (text, value) in cells.items()]
    rows[-1]["note"] = sentence(test)
    return rows


def interval_cell(test: PairwiseTest, interval: Interval | None) -> tuple[str, float | None]:
    """Return the text of an interval, and its lower end to sort by."""
    return (signed_interval(test, interval), interval[0]) if interval else (DASH, None)
