"""Learning rate schedules: factors of the optimizer's learning rate over the steps of a training."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from multimodal.checks import check_number


def warmup_cosine(optimizer: Optimizer, steps: int, warmup_fraction: float) -> LambdaLR:
    """Rise linearly, then fall along half a cosine to zero (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983).

    Args:
        optimizer: its learning rate is scheduled.
        steps: number of steps of the whole training.
        warmup_fraction: share of the steps in which the rate rises.
    """
    warmup = warmup_steps(steps, warmup_fraction)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))

    return LambdaLR(optimizer, factor)


def warmup_constant(optimizer: Optimizer, steps: int, warmup_fraction: float) -> LambdaLR:
    """Rise linearly, then stay constant; the arguments are those of `warmup_cosine`."""
    warmup = warmup_steps(steps, warmup_fraction)
    return LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / max(1, warmup)))


def warmup_steps(steps: int, warmup_fraction: float) -> int:
    """Return the number of steps in which the rate rises.

    Raises:
        ValueError: if the share is below 0, or 1 or more.
    """
    check_number("scheduler", least=0, below=1, warmup_fraction=warmup_fraction)
    return round(warmup_fraction * steps)
