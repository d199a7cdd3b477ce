"""Compute the gradient of one batch in parts, to need less memory: exactly that of the whole batch, for any loss.

A loss that compares samples, such as InfoNCE, is no sum over parts. So all outputs are computed first, without
gradients; then each part is computed again, with gradients, and takes the place of its outputs in those of the whole
batch. The gradients of the parts add up to that of the batch (as `--accum-freq` of OpenCLIP,
https://github.com/mlfoundations/open_clip, after Gao et al. 2021, https://arxiv.org/abs/2101.06983).
Only batch statistics (BatchNorm, missing=mean) are those of a part. It costs a second forward pass, and the CPU waits
for a GPU at each part, to find the samples that have a modality.
"""

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from multimodal.training.random_state import random_state, set_random_state
from multimodal.training.training_step import ExactBatch
from multimodal.types import Batch


def backward_in_parts(fabric: Fabric, module: Any, batch: Batch, parts: int) -> dict[str, Tensor]:
    """Add the gradient of a batch's loss to the parameters.

    Args:
        fabric: scales the loss, if the precision needs it.
        module: the `TrainingStep` that Fabric wraps.
        batch: this process's part of the batch, of as many samples as there are parts, or more.
        parts: number of parts that it is computed in; 1 needs one forward pass only.

    Returns:
        The loss terms of the whole batch.
    """
    if parts == 1:
        terms = module(ExactBatch(batch))
        fabric.backward(terms["loss"])
        return terms
    pieces = [
        batch.rows(rows) for rows in torch.arange(len(batch.label), device=batch.label.device).tensor_split(parts)
    ]
    buffers = [buffer.clone() for buffer in module.model.buffers()]
    states, outputs = [], []
    with torch.no_grad(), fabric.autocast():
        for piece in pieces:
            states.append(random_state(fabric.device))
            outputs.append(module.model(piece))
    for buffer, before in zip(module.model.buffers(), buffers, strict=True):
        buffer.copy_(before)  # statistics count each part once
    for i, piece in enumerate(pieces):
        set_random_state(states[i], fabric.device)  # dropout as in the pass before
        with fabric.no_backward_sync(module, enabled=i + 1 < parts):
            terms = module(ExactBatch(batch, piece, outputs[:i], outputs[i + 1 :]))
            fabric.backward(terms["loss"])
    for parameter in module.loss.parameters():  # each part had their whole gradient
        if parameter.grad is not None:
            parameter.grad /= parts
    return terms
