"""Accuracy at all pairs of missing rates of images and captions, and at rates of modalities that miss independently.

The masks of the surface are fixed: each sample has one threshold in [0, 1), so any two models miss the same modalities
of the same samples, and a higher rate only removes more of them.
"""

import torch
from torch import Tensor

from multimodal.types import CONDITIONS


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
    rows = []
    for i in range(grid_steps + 1):
        for j in range(grid_steps + 1 - i):
            no_image, no_text = i / grid_steps, j / grid_steps
            only_text = threshold < no_image
            # from the other end, so that neither rate moves the other's mask
            only_image = threshold >= (grid_steps - j) / grid_steps
            for mask, rate in ((only_text, no_image), (only_image, no_text)):  # the realised rate is the intended one
                assert abs(float(mask.double().mean()) - rate) <= 1 / len(threshold)
            right = torch.where(only_text, correct["text"], torch.where(only_image, correct["image"], correct["both"]))
            rows.append({"no_image": no_image, "no_text": no_text, "accuracy": float(right.double().mean())})
    return rows


def mean_correct(correct: dict[str, Tensor]) -> Tensor:
    """Compute for each sample the share of all pairs of missing rates at which its prediction is correct.

    Over the whole triangle of rates each of the three conditions has the same weight: a third. So the mean over samples
    is the mean of the three accuracies, without the noise of masks.

    Args:
        correct: (N,) bool under `both`, `image` (caption absent) and `text` (image absent).

    Returns:
        (N,) float64.

    Example:
        >>> correct = {"both": [True, True], "image": [True, False], "text": [False, False]}
        >>> mean_correct({condition: torch.tensor(right) for condition, right in correct.items()})
        tensor([0.6667, 0.3333], dtype=torch.float64)
    """
    return torch.stack([correct[condition] for condition in CONDITIONS]).double().mean(0)


def expected_correct(correct: dict[str, Tensor], no_image: float, no_text: float) -> Tensor:
    """Compute for each sample how probable a correct prediction is if image and caption are missing independently.

    Args:
        correct: (N,) bool under `both`, `image` (caption absent), `text` (image absent) and `neither`.
        no_image: rate of missing images.
        no_text: rate of missing captions.

    Returns:
        (N,) float64.

    Example:
        >>> correct = {"both": [True], "image": [True], "text": [False], "neither": [False]}
        >>> correct = {condition: torch.tensor(right) for condition, right in correct.items()}
        >>> expected_correct(correct, no_image=0.2, no_text=0.5)  # 0.8 * 0.5 with both, 0.8 * 0.5 with the image
        tensor([0.8000], dtype=torch.float64)
    """
    shares = {
        "both": (1 - no_image) * (1 - no_text),
        "image": (1 - no_image) * no_text,
        "text": no_image * (1 - no_text),
        "neither": no_image * no_text,
    }
    return torch.stack([share * correct[condition].double() for condition, share in shares.items()]).sum(0)
