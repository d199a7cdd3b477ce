"""Bootstrap intervals over test samples: how much the difference of two fusions varies with the test split."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet

from multimodal.comparison.reading import Run
from multimodal.io import read_parquet
from multimodal.metric.catalogue import compared
from multimodal.metric.statistics import Floats, bootstrap_interval

LEVEL = 0.95
RESAMPLES = 2000
# fewest test samples, and fewest on which two fusions differ, for a valid bootstrap interval
SAMPLES, DIFFERING = 200, 10

RunPair = tuple[Run, Run]  # runs of two fusions with the same seed


def sample_intervals(pairs: list[RunPair]) -> dict[str, dict[str, Any]]:
    """Compute the interval over test samples of the difference averaged over the pairs.

    Returns:
        {metric: {`sample_interval`, `sample_dependent`}}, without metrics that a run did not save by sample; without
        `sample_interval` if too few samples differ.
    """
    values = [(sample_values(a), sample_values(b)) for a, b in pairs]
    names = [spec.name for spec in compared() if values and all(spec.name in own for pair in values for own in pair)]
    x = {name: np.mean([a[name] - b[name] for a, b in values], axis=0) for name in names}  # {name: (N,)}
    enough = [name for name in names if len(x[name]) >= SAMPLES and np.count_nonzero(x[name]) >= DIFFERING]
    facts: dict[str, dict[str, Any]] = {name: {"sample_dependent": True} for name in names}
    if not enough:
        return facts
    lows, highs = bootstrap_interval([x[name] for name in enough], LEVEL, RESAMPLES, seed=0)
    for name, low, high in zip(enough, lows, highs, strict=True):
        facts[name] = {"sample_interval": (float(low), float(high)), "sample_dependent": bool(low <= 0 <= high)}
    return facts


class StoredColumns(dict[str, np.ndarray]):
    """Columns of a `predictions.parquet`: all are read at once, but `probability/…` (N, K) only when it is used."""

    def __init__(self, file: Path) -> None:
        self.file, names = file, pyarrow.parquet.read_schema(file).names
        self.large = {name for name in names if name.startswith("probability/")}
        columns = read_parquet(file, [name for name in names if name not in self.large])
        super().__init__({str(name): column.to_numpy() for name, column in columns.items()})

    def __missing__(self, name: str) -> np.ndarray:
        """Read a column of probabilities: (N, K).

        Raises:
            KeyError: if the file has no such column.
        """
        if name not in self.large:
            raise KeyError(name)
        self[name] = np.stack(read_parquet(self.file, [name])[name].tolist())
        return self[name]


def sample_values(run: Run) -> dict[str, Floats]:
    """Return {metric: (N,) values of the test samples} of the metrics that `predictions.parquet` has columns for."""
    file = run.folder / "predictions.parquet"
    if not file.exists():
        return {}
    columns, values = StoredColumns(file), {}
    for spec in compared():
        if spec.per_sample is None:
            continue
        try:
            values[spec.name] = np.asarray(spec.per_sample(columns), np.float64)
        except KeyError:  # a measure that was switched off, or a file of another version
            continue
    return values
