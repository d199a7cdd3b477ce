"""What a loss needs when several processes share one batch; with one process nothing happens.

DistributedDataParallel averages the gradients of W processes. Every process computes the whole batch's loss
from what it gathered, so the gradient of its own part is that of one process W times over: `gather` multiplies
by W on the way back, and needs no communication there (gather-and-slice as in Chen et al. 2020, SimCLR,
https://arxiv.org/abs/2002.05709; `torch.distributed.nn` has it deprecated).
"""

import torch
import torch.distributed as dist
from torch import Tensor


def processes() -> int:
    """How many share a training batch."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather(x: Tensor) -> Tensor:
    """(B, ...) of each process -> (sum of all B, ...), ordered by process; what is shorter ends in zeros (`<pad>`)."""
    return Gather.apply(x) if processes() > 1 else x


def global_mean(mean: Tensor, count: int | Tensor, training: bool) -> Tensor:
    """Mean over all processes' parts of a batch, from this one's mean and what it was taken over.

    Args:
        mean: scalar.
        count: samples, words, or whatever this process has.
        training: as `module.training`; in validation every process has all samples, and its mean is the answer.
    """
    if not training or processes() == 1:
        return mean
    count = torch.as_tensor(count, dtype=mean.dtype, device=mean.device)
    total, counts = gather(torch.stack([mean * count, count])[None]).sum(0)
    return total / counts.clamp(min=1)


class Gather(torch.autograd.Function):
    """See `gather`."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        """(B, ...) -> (sum of all B, ...)."""
        shapes = all_gather(torch.tensor(x.shape, device=x.device))
        longest = torch.stack(shapes).amax(0).tolist()
        rows = [int(shape[0]) for shape in shapes]
        padded = x.new_zeros(longest)
        padded[tuple(map(slice, x.shape))] = x
        start = sum(rows[: dist.get_rank()])
        ctx.own = (slice(start, start + len(x)), *map(slice, x.shape[1:]))
        return torch.cat([part[:n] for part, n in zip(all_gather(padded), rows, strict=True)])

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        """Own rows of the gradient, W times."""
        return grad[ctx.own] * processes()


def all_gather(x: Tensor) -> list[Tensor]:
    """Every process's `x`, all of one shape."""
    parts = [torch.empty_like(x) for _ in range(processes())]
    dist.all_gather(parts, x.contiguous())
    return parts
