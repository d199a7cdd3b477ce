"""The values of the test samples that a run has stored, for the metrics that are means over samples."""

from pathlib import Path

import numpy as np
import pyarrow.parquet

from multimodal.comparison.run import Run
from multimodal.io import read_parquet
from multimodal.metric.catalogue import compared, spec_of
from multimodal.metric.statistics import Floats


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
    """Return {metric: (N,) values of the test samples} of the metrics that are tested, or that others are tested with.

    Those that `predictions.parquet` has no columns for are left out.
    """
    file = run.folder / "predictions.parquet"
    if not file.exists():
        return {}
    columns, values = StoredColumns(file), {}
    for spec in (*compared(), spec_of("fusion/product")):
        if spec is None or spec.per_sample is None:
            continue
        try:
            values[spec.name] = np.asarray(spec.per_sample(columns), np.float64)
        except KeyError:  # a measure that was switched off, or a file of another version
            continue
    return values
