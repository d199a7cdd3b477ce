"""Copies of a trained model on every device of a machine, which answer the test samples together.

Threads are enough: nothing is to be agreed upon, as gradients are, and no process has to start and load its libraries.
"""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from multimodal.model import MultimodalModel

Answer = TypeVar("Answer")


class Replicas:
    """Holds a model on each of some devices.

    Args:
        model: on one of the devices, or elsewhere; it is never moved.
        devices: where it is copied to, beside its own: one CPU needs no copy, because a model keeps all its cores busy.
    """

    def __init__(self, model: MultimodalModel, devices: Sequence[torch.device]) -> None:
        home = next(model.parameters()).device
        self.models = [model, *(copy.deepcopy(model).to(device) for device in devices if device != home)]

    def answer(
        self, function: Callable[[MultimodalModel, Tensor], Answer], count: int, batch_size: int
    ) -> list[Answer]:
        """Call a function with each copy and its share of the samples, all at once.

        The shares are whole batches, the same ones as of a single device: what is computed for a sample may depend, in
        its last digits, on those beside it.

        Args:
            function: (model, rows (n,) int64) -> what it answers for these rows.
            count: number of samples, 1 or more.
            batch_size: samples that the function computes at a time.

        Returns:
            The answers, in the order of the samples.
        """
        batches = torch.arange(count).split(batch_size)
        shares = [
            torch.cat([batches[i] for i in part])
            for part in np.array_split(range(len(batches)), len(self.models))
            if len(part)
        ]
        if len(shares) == 1:  # without a thread, for which a signal would wait to the end
            return [function(self.models[0], shares[0])]
        with ThreadPoolExecutor(len(shares)) as pool:
            return list(pool.map(function, self.models, shares))
