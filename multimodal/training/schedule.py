"""The learning rate over the steps of a training, as a factor of the optimizer's own."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from multimodal.checks import check_number


def warmup_cosine(optimizer: Optimizer, steps: int, warmup_fraction: float) -> LambdaLR:
    """Rise linearly, then fall along half a cosine to zero (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983).

    Args:
        optimizer: whose learning rate is scheduled.
        steps: of the whole training.
        warmup_fraction: share of them in which the rate rises.
    """
    rising = warmup_steps(steps, warmup_fraction)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))

    return LambdaLR(optimizer, factor)


def warmup_constant(optimizer: Optimizer, steps: int, warmup_fraction: float) -> LambdaLR:
    """Rise linearly, then stay; the arguments are those of `warmup_cosine`."""
    rising = warmup_steps(steps, warmup_fraction)
    return LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / max(1, rising)))


def warmup_steps(steps: int, warmup_fraction: float) -> int:
    """Return the number of steps in which the rate rises; ValueError for a share that leaves none after it."""
    check_number("scheduler", least=0, below=1, warmup_fraction=warmup_fraction)
    return round(warmup_fraction * steps)
