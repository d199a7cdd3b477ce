"""Model and loss as one module, which a training step minimises."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from multimodal.loss.distributed import global_mean
from multimodal.model import MultimodalModel
from multimodal.types import Batch, Output, join_outputs


class ExactBatch:
    """Wraps a batch so that Lightning Fabric does not round its pixels, which are also targets, to bf16.

    Args:
        batch: for the loss.
        part: samples of the batch that the model computes; None: all of them.
        before, after: outputs for the samples before and after the part, see `accumulation.py`.
    """

    def __init__(
        self, batch: Batch, part: Batch | None = None, before: Sequence[Output] = (), after: Sequence[Output] = ()
    ) -> None:
        self.batch, self.part, self.before, self.after = batch, part, before, after


class TrainingStep(nn.Module):
    """Model and loss as one module, so that precision and processes are handled in one place."""

    def __init__(self, model: MultimodalModel, loss: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, exact: ExactBatch) -> dict[str, Tensor]:
        """Compute the loss terms, always in float32, and the accuracy.

        Returns:
            {term: scalar}, among them "loss" (the sum to minimise) and "accuracy".
        """
        batch = exact.batch
        output = self.model(batch if exact.part is None else exact.part)
        if exact.part is not None:
            output = join_outputs([*exact.before, output, *exact.after])
        with torch.autocast(batch.image.device.type, enabled=False):
            terms = self.loss(output.float(), batch)
        accuracy = (output.label.argmax(-1) == batch.label).float().mean()
        return terms | {"accuracy": global_mean(accuracy, len(batch.label), self.training)}
