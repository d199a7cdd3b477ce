"""Rows that cannot be used: counted, named, and refused beyond a limit; never dropped in silence."""

import logging
from dataclasses import dataclass, field

import numpy as np

from multimodal.checks import check_whole
from multimodal.dataset.reading.rows import NO_LABEL, Rows

log = logging.getLogger(__name__)

SHOWN = 10


@dataclass
class BadRows:
    """Collects them over all splits.

    Args:
        limit: how many may be skipped.
    """

    limit: int
    found: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_whole("dataset", least=0, max_bad_rows=self.limit)

    def without(self, rows: Rows, problems: list[str | None]) -> Rows:
        """The rows that have no problem."""
        bad = [i for i, problem in enumerate(problems) if problem is not None]
        self.found += [{"split": rows.split, "row": int(rows.number[i]), "problem": problems[i]} for i in bad]
        return rows.take(np.setdiff1d(np.arange(len(rows)), bad)) if bad else rows

    def refuse(self) -> None:
        """ValueError, with the first of them, if there are more than the limit."""
        if len(self.found) > self.limit:
            raise ValueError(
                f"{self.count} in the data, dataset.max_bad_rows allows {self.limit}:\n{self.listed()}\n"
                f"mend the data, or skip them with dataset.max_bad_rows={len(self.found)}"
            )

    def settle(self) -> None:
        """Refuses too many, and says which were skipped."""
        self.refuse()
        if self.found:
            log.warning("%s skipped:\n%s", self.count, self.listed())

    @property
    def count(self) -> str:
        """How many, in words."""
        return f"{len(self.found)} bad row{'' if len(self.found) == 1 else 's'}"

    def listed(self) -> str:
        """The first of them, a line each."""
        named = [f"  {row['split']} row {row['row']}: {row['problem']}" for row in self.found[:SHOWN]]
        more = [f"  and {len(self.found) - SHOWN} more"] if len(self.found) > SHOWN else []
        return "\n".join([*named, *more])


def text_problems(rows: Rows) -> list[str | None]:
    """What is wrong with the label or the caption of each row, None where nothing is."""
    problems: list[str | None] = []
    for label, caption in zip(rows.label, rows.caption, strict=True):
        if label == NO_LABEL:
            problems.append("label is missing or none of the training classes")
        elif caption is None or not caption.strip():
            problems.append("caption is missing" if caption is None else "caption is empty")
        else:
            problems.append(None)
    return problems


def untrained_problems(rows: Rows, train: Rows) -> list[str | None]:
    """Names the rows of a class that the training split does not have."""
    known = np.isin(rows.label, np.unique(train.label))
    return [None if ok else "no training sample has this class" for ok in known]
