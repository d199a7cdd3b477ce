"""SSIM against several real images: a caption allows many drawings, and its own image is only one of them."""

import torch
from torch import Tensor

from multimodal.loss.ssim import ssim


def best_similarity(preds: Tensor, target: Tensor, group: Tensor, num_references: int, seed: int, chunk: int) -> Tensor:
    """Compute the best SSIM of each drawing with some real images of its group, its own always among them.

    It grows with the number of references, so only equal numbers compare.

    Args:
        preds: (N, C, H, W) float in [0, 1].
        target: (N, C, H, W) uint8.
        group: (N,) int64, equal for equal captions.
        num_references: for each drawing; smaller groups give all they have.
        seed: draws the others from larger groups.
        chunk: images at a time.

    Returns:
        (N,).
    """
    if num_references < 1:
        raise ValueError(f"a drawing needs one reference or more, got {num_references}")
    best = torch.full((len(preds),), -torch.inf, dtype=preds.dtype, device=preds.device)
    for rows, others in reference_indices(group, num_references, seed):
        for part, other in zip(rows.split(chunk), others.split(chunk), strict=True):
            reference = target[other].to(preds.dtype) / 255
            best[part] = torch.maximum(best[part], ssim(preds[part], reference))
    return best


def reference_indices(group: Tensor, count: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Pair rows with references: at step j the rows whose group has more than j members, and the j-th after each.

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
    for j in range(min(count, int(size.max()))):
        enough = size > j
        steps.append((order[enough], order[(start + (place + j) % size)[enough]]))
    return steps
