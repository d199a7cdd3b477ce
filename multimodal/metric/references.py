"""SSIM against several real images: a caption allows many drawings, and its own image is only one of them."""

import torch
from torch import Tensor

from multimodal.loss.ssim import ssim

CHUNK = 512  # images at a time


def best_similarity(drawn: Tensor, real: Tensor, group: Tensor, most: int, seed: int) -> Tensor:
    """The best SSIM of each drawing with up to `most` real images of its group, its own always among them.

    It grows with the number of references, so only equal numbers compare.

    Args:
        drawn: (N, C, H, W) float in [0, 1].
        real: (N, C, H, W) uint8.
        group: (N,) int64, equal for equal captions.
        most: references for each drawing; smaller groups give all they have.
        seed: draws the others from larger groups.

    Returns:
        (N,).
    """
    if most < 1:
        raise ValueError(f"a drawing needs one reference or more, got {most}")
    best = torch.full((len(drawn),), -torch.inf, dtype=drawn.dtype, device=drawn.device)
    for rows, others in circles(group, most, seed):
        for part, other in zip(rows.split(CHUNK), others.split(CHUNK), strict=True):
            reference = real[other].to(drawn.dtype) / 255
            best[part] = torch.maximum(best[part], ssim(drawn[part], reference))
    return best


def circles(group: Tensor, most: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Pairs (rows, others): at step j the rows whose group has more than j members, and the j-th after each.

    Each group stands in a circle in an order drawn by `seed`: the next members are a draw without repetition.
    """
    order = torch.randperm(len(group), generator=torch.Generator().manual_seed(seed)).to(group.device)
    order = order[group[order].argsort(stable=True)]  # (N,) samples, group after group
    number = group[order]
    size = torch.bincount(number)
    start = (size.cumsum(0) - size)[number]
    size = size[number]
    place = torch.arange(len(group), device=group.device) - start
    steps = []
    for j in range(min(most, int(size.max()))):
        enough = size > j
        steps.append((order[enough], order[(start + (place + j) % size)[enough]]))
    return steps
