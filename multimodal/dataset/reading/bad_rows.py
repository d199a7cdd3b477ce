"""Skip rows that cannot be used, up to a limit, and report each of them; no row is dropped silently."""

import logging
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from multimodal.checks import check_whole
from multimodal.dataset.reading.labels import seen
from multimodal.dataset.reading.rows import MAX_LISTED, NO_LABEL, Rows

AnyRows = TypeVar("AnyRows", bound=Rows)

log = logging.getLogger(__name__)


@dataclass
class BadRows:
    """Collects the unusable rows of all splits.

    Args:
        limit: largest number of rows that may be skipped.
        skipped: the rows so far, each {"split", "row", "problem"}.

    Raises:
        ValueError: `limit` is not a whole number of 0 or more.
    """

    limit: int
    skipped: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_whole("dataset", least=0, max_bad_rows=self.limit)

    def without(self, rows: AnyRows, problems: list[str | None]) -> AnyRows:
        """Return the rows without a problem, and record the others; the captions of one image count once.

        Args:
            rows: N samples.
            problems: N texts, None for a usable row.
        """
        bad = [i for i, problem in enumerate(problems) if problem is not None]
        found = dict.fromkeys((int(rows.number[i]), problems[i]) for i in bad)
        self.skipped += [{"split": rows.split, "row": row, "problem": problem} for row, problem in found]
        return rows.take(np.setdiff1d(np.arange(len(rows)), bad)) if bad else rows

    def without_untrained(self, splits: dict[str, AnyRows]) -> dict[str, AnyRows]:
        """Return the rows of every split whose class has a training sample, and record the others."""
        return {split: self.without(part, untrained_problems(part, splits["train"])) for split, part in splits.items()}

    def check_limit(self) -> None:
        """Raise ValueError, listing the first rows, if there are more than the limit."""
        if len(self.skipped) > self.limit:
            raise ValueError(
                f"{self.count} in the data, dataset.max_bad_rows allows {self.limit} (rows are counted from 0): "
                f"{self.listed()}; "
                f"correct the data, or skip these rows with dataset.max_bad_rows={len(self.skipped)}"
            )

    def report(self) -> None:
        """Check the limit, then log which rows were skipped."""
        self.check_limit()
        if self.skipped:
            log.warning("%s skipped: %s (rows are counted from 0)", self.count, self.listed())

    @property
    def count(self) -> str:
        """Return the number of bad rows as text, such as "2 bad rows"."""
        return f"{len(self.skipped)} bad row{'' if len(self.skipped) == 1 else 's'}"

    def listed(self) -> str:
        """Return the first bad rows, separated by semicolons."""
        rows = [f"{row['split']} row {row['row']}: {row['problem']}" for row in self.skipped[:MAX_LISTED]]
        more = [f"and {len(self.skipped) - MAX_LISTED} more"] if len(self.skipped) > MAX_LISTED else []
        return "; ".join([*rows, *more])


def text_problems(rows: Rows) -> list[str | None]:
    """Return the problem with the label or caption of each row, None for a usable row."""
    problems: list[str | None] = []
    for label, caption in zip(rows.label, rows.caption, strict=True):
        if label == NO_LABEL:
            problems.append("label is missing or not a training class")
        elif caption is None or not seen(caption):
            problems.append("caption is missing" if caption is None else "caption is empty")
        else:
            problems.append(None)
    return problems


def untrained_problems(rows: Rows, train: Rows) -> list[str | None]:
    """Return a problem for each row whose class has no training sample, None for the others."""
    known = np.isin(rows.label, np.unique(train.label))
    return [None if ok else "no training sample has this class" for ok in known]
