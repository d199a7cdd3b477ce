"""Other real images with the same caption, because a caption describes many images and the sample's own is only one."""

import torch
from torch import Tensor

from multimodal.images import ImageRows
from multimodal.loss.ssim import ssim

CPU = torch.device("cpu")


def best_similarity(
    preds: ImageRows,
    target: ImageRows,
    group: Tensor,
    num_references: int,
    seed: int,
    chunk: int,
    device: torch.device = CPU,
) -> Tensor:
    """Compute for each generated image its highest SSIM over several real images of the same group.

    The sample's own image is always one of these references. The result grows with the number of references:
    compare only results with equal numbers.

    Args:
        preds: (N, C, H, W) uint8, generated images.
        target: (N, C, H, W) uint8, real images.
        group: (N,) int64, equal for equal captions.
        num_references: references for each generated image; a smaller group uses all its members.
        seed: seed of the choice of references from larger groups.
        chunk: images compared at a time.
        device: they are compared there; the result is on the CPU.

    Returns:
        (N,) float32.

    Raises:
        ValueError: if `num_references` is below 1.

    Example:
        >>> stripe = (torch.eye(12) * 255).to(torch.uint8)
        >>> target = torch.stack([stripe, 255 - stripe])[:, None]
        >>> preds = target.flip(0)  # each sample gets the other one's image
        >>> best_similarity(preds, target, torch.tensor([0, 0]), num_references=2, seed=0, chunk=2).round(decimals=3)
        tensor([1., 1.])
    """
    if num_references < 1:
        raise ValueError(f"the best SSIM needs at least one reference per image, got {num_references}")
    best = torch.full((len(group),), -torch.inf)
    for rows, others in reference_indices(group, num_references, seed):
        for part, other in zip(rows.split(chunk), others.split(chunk), strict=True):
            x, y = (images.to(device).float() / 255 for images in (preds[part], target[other]))
            best[part] = torch.maximum(best[part], ssim(x, y).cpu())
    return best


def reference_indices(group: Tensor, count: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Choose references step by step: at step j, one for each row whose group has more than j members.

    The members of each group form a circle, in an order drawn by `seed`, and the reference at step j is j places after
    the row: a random choice without repetition, which starts with the row itself.

    Args:
        group: (N,) int64.
        count: largest number of references for a row.
        seed: seed of the order; the global random state is not used.

    Returns:
        One pair (rows, references) of equally long int64 vectors for each step.

    Example:
        >>> steps = reference_indices(torch.tensor([0, 0, 1]), count=2, seed=0)
        >>> [sorted(zip(rows.tolist(), references.tolist())) for rows, references in steps]
        [[(0, 0), (1, 1), (2, 2)], [(0, 1), (1, 0)]]
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


def another_image(group: Tensor, image: Tensor, seed: int) -> Tensor:
    """Draw for each row another one of the same group that has another image.

    Args:
        group: (N,) int64, equal for equal captions.
        image: (N,) int64, equal for equal images.
        seed: seed of the choice; the global random state is not used.

    Returns:
        (N,) int64 rows; -1 where the group has no other image.

    Example:
        >>> another_image(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 2, 2]), seed=0)
        tensor([ 1,  0, -1, -1])
    """
    pairs, pair = torch.stack([group, image]).unique(dim=1, return_inverse=True)  # an image may stand in several rows
    row = torch.zeros(pairs.shape[1], dtype=torch.int64).scatter_(0, pair, torch.arange(len(group)))
    other = torch.full((pairs.shape[1],), -1)
    for pictured, following in reference_indices(pairs[0].unique(return_inverse=True)[1], 2, seed)[1:]:
        other[pictured] = row[following]
    return other[pair]
