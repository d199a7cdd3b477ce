"""What a training step minimises: model and loss as one module."""

import torch
from torch import Tensor, nn

from multimodal.loss.distributed import global_mean
from multimodal.model import MultimodalModel
from multimodal.types import Batch


class ExactBatch:
    """Carries a batch past Lightning Fabric, which would round its pixels to bf16, and with them the targets."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch


class TrainingStep(nn.Module):
    """Model and loss as one module, so that precision and processes are handled in one place."""

    def __init__(self, model: MultimodalModel, loss: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, exact: ExactBatch) -> dict[str, Tensor]:
        """{term: scalar}, "loss" and "accuracy"; the loss is computed in float32 whatever the model's precision."""
        batch = exact.batch
        output = self.model(batch)
        with torch.autocast(batch.image.device.type, enabled=False):
            terms = self.loss(output.float(), batch)
        accuracy = (output.label.argmax(-1) == batch.label).float().mean()
        return terms | {"accuracy": global_mean(accuracy, len(batch.label), self.training)}
