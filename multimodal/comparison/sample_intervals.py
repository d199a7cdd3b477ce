"""Intervals over test samples: what another test split would change in the difference of two fusions."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet

from multimodal.comparison.reading import Run
from multimodal.metric.catalogue import compared
from multimodal.metric.statistics import Floats, bootstrap_interval

LEVEL = 0.95
RESAMPLES = 2000
SAMPLES, DIFFERING = 200, 10  # with fewer test samples, or fewer on which two fusions differ, no bootstrap covers

RunPair = tuple[Run, Run]  # of two fusions, of one seed


def sample_intervals(pairs: list[RunPair]) -> dict[str, dict[str, Any]]:
    """Return {metric: `sample_interval` and `sample_dependent` of the difference, averaged over the pairs}.

    A metric that a run did not save by sample is left out; there is no interval where it would be too narrow.
    """
    values = [(sample_values(a), sample_values(b)) for a, b in pairs]
    names = [spec.name for spec in compared() if values and all(spec.name in own for pair in values for own in pair)]
    x = {name: np.mean([a[name] - b[name] for a, b in values], axis=0) for name in names}  # {name: (N,)}
    enough = [name for name in names if len(x[name]) >= SAMPLES and np.count_nonzero(x[name]) >= DIFFERING]
    found: dict[str, dict[str, Any]] = {name: {"sample_dependent": True} for name in names}
    ends = bootstrap_interval([x[name] for name in enough], LEVEL, RESAMPLES, seed=0) if enough else ([], [])
    for name, low, high in zip(enough, *ends, strict=True):
        found[name] = {"sample_interval": (float(low), float(high)), "sample_dependent": bool(low <= 0 <= high)}
    return found


class StoredColumns(dict[str, np.ndarray]):
    """Columns of a parquet file, each read when it is first asked for; KeyError for one that the file lacks."""

    def __init__(self, file: Path) -> None:
        self.file, self.names = file, set(pyarrow.parquet.read_schema(file).names)

    def __missing__(self, name: str) -> np.ndarray:
        """Read a column: (N,), or (N, K) where each row holds a list."""
        if name not in self.names:
            raise KeyError(name)
        column = pd.read_parquet(self.file, columns=[name])[name].to_numpy()
        listed = len(column) > 0 and isinstance(column[0], np.ndarray)
        self[name] = np.stack(column) if listed else column
        return self[name]


def sample_values(run: Run) -> dict[str, Floats]:
    """Return {metric: (N,) of the test samples, whose mean is the metric}, as far as `predictions.parquet` has it."""
    file = run.folder / "predictions.parquet"
    if not file.exists():
        return {}
    columns, found = StoredColumns(file), {}
    for spec in (spec for spec in compared() if spec.per_sample is not None):
        try:
            found[spec.name] = np.asarray(spec.per_sample(columns), np.float64)
        except KeyError:  # a measure that was switched off, or a file of another version
            continue
    return found
