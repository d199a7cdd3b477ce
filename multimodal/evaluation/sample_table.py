"""Tables of predictions, a row for each sample, with pictures: what a page or a tracker shows beside numbers."""

from typing import Any

import numpy as np
from torch import Tensor

from multimodal.dataset.data import Data, Split
from multimodal.evaluation.predict import Predictions
from multimodal.evaluation.sampling import sample_evenly
from multimodal.types import CONDITIONS

SEED = 0  # of the choice of samples: the same for every run on the same data


def predictions_of_test(
    data: Data, predictions: Predictions, reads: tuple[str, ...], count: int
) -> list[dict[str, Any]]:
    """Return the rows of test samples, spread over the classes.

    Args:
        data: its test split was predicted.
        predictions: of the whole split.
        reads: modalities that the fusion reads.
        count: largest number of rows.
    """
    rows = sample_evenly(data.splits["test"].label, count, SEED)
    return table_rows(data, data.splits["test"], predictions, reads, rows, rows)


def table_rows(
    data: Data,
    split: Split,
    predictions: Predictions,
    reads: tuple[str, ...],
    rows: list[int],
    predicted: list[int],
) -> list[dict[str, Any]]:
    """Return a row for each sample, its columns named as in `predictions.parquet`.

    Args:
        data: names of the classes, and the vocabulary.
        split: the split of the samples.
        predictions: of these samples, among others.
        reads: modalities that the fusion reads; nothing is generated from another one.
        rows: the samples' rows in the split.
        predicted: their rows in `predictions`.

    Returns:
        `index`, `image`, `caption` and `class` of the sample, `written/image` (the caption generated from its image),
        `drawn/text` (the image generated from its caption), both as far as the model has a head for them and the task
        gives them a meaning, and for each condition `predicted/` (a class), `probability/` of that class, `correct/`.
    """
    captions, image = data.vocabulary.decode(split.tokens[rows]), split.image[rows]
    generated: dict[str, list[Any]] = {}
    if predictions.caption and "image_to_text" not in data.undefined:
        generated["written/image"] = data.vocabulary.decode(predictions.caption["image"][predicted])
    if predictions.image and "text_to_image" not in data.undefined:
        generated["drawn/text"] = [pixels(drawn) for drawn in predictions.image["text"][predicted]]
    table = []
    for i, row in enumerate(rows):
        label = int(split.label[row])
        columns: dict[str, Any] = {
            "index": row,
            "image": pixels(image[i]),
            "caption": captions[i],
            "class": data.class_names[label],
        }
        columns |= {name: made[i] if name.split("/")[1] in reads else None for name, made in generated.items()}
        for condition in CONDITIONS:
            probability = predictions.probability[condition][predicted[i]]
            best = int(probability.argmax())
            columns[f"predicted/{condition}"] = data.class_names[best]
            columns[f"probability/{condition}"] = float(probability[best])
            columns[f"correct/{condition}"] = best == label
        table.append(columns)
    return table


def pixels(image: Tensor) -> np.ndarray:
    """Return an image as a table's cell: (C, H, W) uint8 -> (H, W, C) array."""
    return image.permute(1, 2, 0).numpy()
