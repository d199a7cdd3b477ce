"""Gathering and averaging for losses when several processes share one batch; no operation with one process.

DistributedDataParallel averages the gradients of W processes. Every process computes the loss of the whole batch
from the gathered embeddings, and the gradient reaches only its own part: averaging would divide it by W. So `gather`
multiplies by W in the backward pass, which needs no communication (gather-and-slice as in Chen et al. 2020, SimCLR,
https://arxiv.org/abs/2002.05709; the version in `torch.distributed.nn` is deprecated).
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def processes() -> int:
    """Return the number of processes that share a training batch.

    Example:
        >>> processes()
        1
    """
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather(x: Tensor) -> Tensor:
    """Concatenate the tensors of all processes, in the order of the processes.

    Args:
        x: (B, ...); sizes may differ between processes: beyond B, smaller ones are filled with zeros (`<pad>`).

    Returns:
        (sum of all B, ...), with gradient to this process's rows.

    Example:
        >>> x = torch.zeros(2, 3)
        >>> gather(x) is x  # one process
        True
    """
    if processes() == 1:
        return x
    return Gather.apply(x, torch.stack(all_gather(torch.tensor(x.shape, device=x.device))).tolist())


def global_mean(mean: Tensor, count: int | Tensor, training: bool) -> Tensor:
    """Compute the mean over the parts of a batch on all processes, from the mean over this process's part.

    Args:
        mean: scalar, the mean on this process.
        count: number of samples or words that this mean is over.
        training: as `module.training`; in validation every process has all samples, and `mean` is returned.

    Returns:
        Scalar.

    Example:
        >>> global_mean(torch.tensor(0.5), count=4, training=True)  # one process
        tensor(0.5000)
    """
    if not training or processes() == 1:
        return mean
    count = torch.as_tensor(count, dtype=mean.dtype, device=mean.device)
    total, counts = Gather.apply(torch.stack([mean * count, count])[None], [[1, 2]] * processes()).sum(0)
    return total / counts.clamp(min=1)


class Gather(torch.autograd.Function):
    """Gather with a backward pass that needs no communication; see `gather`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shapes: list[list[int]]) -> Tensor:
        """Concatenate: (B, ...), with the shapes in all processes -> (sum of all B, ...)."""
        rows = [shape[0] for shape in shapes]
        padded = x.new_zeros([max(sizes) for sizes in zip(*shapes, strict=True)])
        padded[tuple(map(slice, x.shape))] = x
        start = sum(rows[: dist.get_rank()])
        ctx.own = (slice(start, start + len(x)), *map(slice, x.shape[1:]))
        return torch.cat([part[:n] for part, n in zip(all_gather(padded), rows, strict=True)])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Return this process's rows of the gradient, multiplied by W."""
        return grad[ctx.own] * processes(), None


def all_gather(x: Tensor) -> list[Tensor]:
    """Return the `x` of every process; all must have the same shape."""
    parts = [torch.empty_like(x) for _ in range(processes())]
    dist.all_gather(parts, x.contiguous())
    return parts
