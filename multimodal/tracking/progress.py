"""What a tracker sees of a training: its validations, loss terms of batches, and predictions as they change."""

import math

from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.model import MultimodalModel
from multimodal.tracking.predictions import WatchedSamples
from multimodal.tracking.tracker import Tracker

TABLES = 4  # of the watched samples in a run, at most


class TrainingProgress:
    """Passes on what `Trainer.fit` reports; its methods are called by it.

    Args:
        tracker: an open tracker.
        model: the model that is trained.
        data: its validation split is watched.
        num_validations: of the whole training.
    """

    def __init__(self, tracker: Tracker, model: MultimodalModel, data: Data, num_validations: int) -> None:
        self.tracker, self.model = tracker, model
        count = tracker.detail.watched_samples
        self.watched = WatchedSamples(data, count) if count > 0 else None
        self.between = math.ceil(num_validations / TABLES)
        self.validations = 0
        self.step: int | None = None  # the last one that was taken here; a resumed training first repeats its history

    def validated(self, row: dict[str, float]) -> None:
        """Log the row of a validation; after some of them, the predictions of the watched samples."""
        self.tracker.log(row)
        self.validations += 1
        if self.watched is not None and row["step"] == self.step and self.validations % self.between == 0:
            self.tracker.table("predictions/validation", self.watched.table(self.model))

    def after_step(self, step: int, terms: dict[str, Tensor]) -> None:
        """Log a batch's loss terms as `batch/<term>`, every so many steps: only then is a GPU waited for."""
        self.step = step
        if step % self.tracker.detail.every == 0:
            self.tracker.log({"step": step} | {f"batch/{name}": float(value.detach()) for name, value in terms.items()})
