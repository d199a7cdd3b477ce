"""Learning rate: linear warm-up, then half a cosine to zero (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983)."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine(optimizer: Optimizer, warmup: int, steps: int) -> LambdaLR:
    """Factor of the learning rate at each of `steps`, of which the first `warmup` rise to 1."""

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))

    return LambdaLR(optimizer, factor)
