"""Validation samples whose predictions a tracker shows while a model learns."""

from dataclasses import replace
from typing import Any

import torch

from multimodal.dataset.data import Data
from multimodal.evaluation.predict import predict
from multimodal.evaluation.sample_table import SEED, table_rows
from multimodal.evaluation.sampling import sample_evenly
from multimodal.model import MultimodalModel


class WatchedSamples:
    """Holds some validation samples, whose predictions are shown while a model learns; the test split is not watched.

    Args:
        data: its validation split is used.
        count: largest number of samples.
    """

    def __init__(self, data: Data, count: int) -> None:
        split = data.splits["validation"]
        self.data, self.rows = data, sample_evenly(split.label, count, SEED)
        self.split = replace(
            split,
            image=split.image[self.rows],
            tokens=split.tokens[self.rows],
            label=split.label[self.rows],
            content=split.content[self.rows],
            captions=[split.captions[row] for row in self.rows] if split.captions else (),
            subwords=None if split.subwords is None else split.subwords[self.rows],
            features={name: features[torch.tensor(self.rows)] for name, features in split.features.items()},
        )

    def table(self, model: MultimodalModel) -> list[dict[str, Any]]:
        """Return the rows of the samples as the model predicts them now; it is left in training mode."""
        fusion: Any = model.fusion
        predictions = predict(model, self.split, len(self.rows))
        model.train()
        count = list(range(len(self.rows)))
        rows = table_rows(self.data, self.split, predictions, fusion.modalities, count, count)
        return [columns | {"index": row} for columns, row in zip(rows, self.rows, strict=True)]
