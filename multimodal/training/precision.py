"""Weights in bf16: half the memory of float32 for weights, gradients and the optimizer's moments."""

from contextlib import AbstractContextManager, nullcontext

import torch
from lightning_fabric.plugins.precision.half import HalfPrecision
from torch import nn


class BFloat16Weights(HalfPrecision):
    """Fabric's bf16-true for a `TrainingStep`: the model alone is converted, and what the losses make is float32."""

    def __init__(self) -> None:
        super().__init__("bf16-true")

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Convert the model, in place, but for frozen networks; the loss has few parameters, and reads float32.

        A frozen network, which is no submodule, stays as it was when it computed its features.
        """
        model = module.get_submodule("model")
        for value in (*model.parameters(), *model.buffers()):
            if value.is_floating_point():
                value.data = value.data.to(torch.bfloat16)
        return module

    def forward_context(self) -> AbstractContextManager[None]:
        """Leave the type of new tensors as it is."""
        return nullcontext()
