"""Recurrent layers under mixed precision."""

from typing import Any

import torch
from torch import Tensor, nn


def run_recurrent(layer: nn.RNNBase, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    """Apply an LSTM or a GRU, in the precision of its weights where autocast on a GPU would choose another than asked.

    cuDNN's recurrent layers are cast to float16 there, also for bfloat16, which is chosen because it needs no scaled
    loss: a gradient below float16's range would be lost, and a value above it is infinite.

    Args:
        layer: with `batch_first`.
        x: (B, T, inputs).
        state: what an earlier call returned, or None.

    Returns:
        (B, T, outputs), and the state for the next call.
    """
    if x.is_cuda and torch.is_autocast_enabled("cuda") and torch.get_autocast_dtype("cuda") == torch.bfloat16:
        with torch.autocast("cuda", enabled=False):
            return layer(x.to(next(layer.parameters()).dtype), state)
    return layer(x, state)
