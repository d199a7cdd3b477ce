"""Columns of `predictions.parquet`: a value for each test sample, so that runs can be compared sample by sample."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from multimodal.dataset.data import Data


def sample_columns(data: Data, measured: dict[str, Tensor | Sequence[str]]) -> dict[str, np.ndarray]:
    """Join what the test split holds of each sample with what the measures found: {column: (N, ...)}.

    The split has `index`, `label`, `content` and `caption`; the measures add, for each condition, `predicted/`,
    `probability/` (of all classes), `correct/` (as the availability surface counts it) and `written/`; `place` (of
    the availability masks: the image is missing at rates above it, the caption at rates above 1 - place),
    `availability` (share of the surface's cells in which the sample is right), and `ssim` and `class_coherent` of
    what is generated.
    """
    test = data.splits["test"]
    known = {
        "index": np.arange(len(test)),
        "label": test.label,
        "content": test.content,
        "caption": data.vocabulary.decode(test.tokens),
    }
    return {name: np.asarray(values) for name, values in (known | measured).items()}
