"""Columns of `predictions.parquet`: one value per test sample, so that runs can be compared sample by sample."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from multimodal.dataset.data import Data


def sample_columns(data: Data, measured: dict[str, Tensor | Sequence[str]]) -> dict[str, np.ndarray]:
    """Join the columns of the test split with those of the measures.

    The split has `index`, `label`, `content` and `caption`. The measures add for each condition `predicted/`,
    `probability/` (of all classes), `correct/` (as used for the availability surface) and `written/` (the generated
    caption); `place` (the sample's threshold: its image is missing at rates above it, its caption at rates above
    1 - place), `availability` (share of all pairs of missing rates at which the prediction is correct),
    `missing/<rate>` (how probable a correct prediction is at these missing rates), `ssim` and `class_coherent` of what
    is generated, and `predicted/product` and `product_correct` of the product of the model's
    two single-modality answers.

    Args:
        data: its test split is used.
        measured: {column: (N, ...) tensor, or N texts} of the measures.

    Returns:
        {column: (N, ...)}.
    """
    test = data.splits["test"]
    columns = {
        "index": np.arange(len(test)),
        "label": test.label,
        "content": test.content,
        "caption": data.vocabulary.decode(test.tokens),
    }
    # of texts references, because an array of characters makes each as long as the longest
    return {n: np.array(v, object) if isinstance(v, list) else np.asarray(v) for n, v in (columns | measured).items()}
