"""Accuracy at all pairs of missing rates of images and captions.

The masks are fixed: each sample has one threshold in [0, 1), so any two models miss the same modalities
of the same samples, and a higher rate only removes more of them.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


def missing_thresholds(size: int, seed: int) -> Tensor:
    """Return a threshold for each sample, evenly spaced in [0, 1) and shuffled.

    The spacing makes the share of samples below any rate exact to 1 / N.

    Args:
        size: number of samples N.
        seed: seed of the shuffle; the global random state is not used.

    Returns:
        (N,) float32.

    Example:
        >>> missing_thresholds(4, seed=0).sort().values
        tensor([0.1250, 0.3750, 0.6250, 0.8750])
    """
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    return (order + 0.5) / size


def surface(correct: dict[str, Tensor], threshold: Tensor, grid_steps: int) -> list[dict[str, float]]:
    """Compute the accuracy at every pair of missing rates (images, captions) with a sum of at most 1.

    Args:
        correct: (N,) bool under `both`, `image` (caption absent) and `text` (image absent): whether the prediction
            is correct.
        threshold: (N,) from `missing_thresholds`.
        grid_steps: steps from rate 0 to rate 1.

    Returns:
        One row per cell of the grid: {"no_image": rate, "no_text": rate, "accuracy": share}.

    Example:
        >>> correct = {"both": [True, True], "image": [True, False], "text": [False, False]}
        >>> correct = {condition: torch.tensor(right) for condition, right in correct.items()}
        >>> for row in surface(correct, missing_thresholds(2, seed=0), grid_steps=1):
        ...     print(row)
        {'no_image': 0.0, 'no_text': 0.0, 'accuracy': 1.0}
        {'no_image': 0.0, 'no_text': 1.0, 'accuracy': 0.5}
        {'no_image': 1.0, 'no_text': 0.0, 'accuracy': 0.0}
    """
    return [
        {"no_image": no_image, "no_text": no_text, "accuracy": float(right.double().mean())}
        for no_image, no_text, right in correct_in_cells(correct, threshold, grid_steps)
    ]


def sample_availability(correct: dict[str, Tensor], threshold: Tensor, grid_steps: int) -> Tensor:
    """Compute for each sample the share of the surface's cells in which its prediction is correct.

    Args:
        correct: (N,) bool under `both`, `image` (caption absent) and `text` (image absent).
        threshold: (N,) from `missing_thresholds`.
        grid_steps: steps from rate 0 to rate 1.

    Returns:
        (N,) float64; the mean over samples equals the mean accuracy over the cells.

    Example:
        >>> correct = {"both": [True, True], "image": [True, False], "text": [False, False]}
        >>> correct = {condition: torch.tensor(right) for condition, right in correct.items()}
        >>> sample_availability(correct, missing_thresholds(2, seed=0), grid_steps=1)
        tensor([0.6667, 0.3333], dtype=torch.float64)
    """
    cells = [right for *_, right in correct_in_cells(correct, threshold, grid_steps)]
    return torch.stack(cells).double().mean(0)


def correct_in_cells(
    correct: dict[str, Tensor], threshold: Tensor, grid_steps: int
) -> Iterator[tuple[float, float, Tensor]]:
    """Yield for each cell the missing rates of image and caption, and which predictions are correct: (N,) bool."""
    threshold = threshold.float()  # a file may hold float64, but the surface compares float32
    for i in range(grid_steps + 1):
        for j in range(grid_steps + 1 - i):
            no_image, no_text = i / grid_steps, j / grid_steps
            only_text = threshold < no_image
            # from the other end, so that neither rate moves the other's mask
            only_image = threshold >= (grid_steps - j) / grid_steps
            for mask, rate in ((only_text, no_image), (only_image, no_text)):  # the realised rate is the intended one
                assert abs(float(mask.double().mean()) - rate) <= 1 / len(threshold)
            right = torch.where(only_text, correct["text"], torch.where(only_image, correct["image"], correct["both"]))
            yield no_image, no_text, right
