"""Accuracy over all rates at which images and captions may be missing.

Frozen masks: a sample has one place in [0, 1) for good, so any two models miss the same modalities
of the same samples, and raising a rate only takes more away.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


def missing_thresholds(size: int, seed: int) -> Tensor:
    """Draw each sample's place: (N,) evenly spaced in [0, 1), so that realised rates are exact to 1 / N."""
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    return (order + 0.5) / size


def surface(correct: dict[str, Tensor], place: Tensor, cells: int) -> list[dict[str, float]]:
    """Compute the accuracy in each cell of the triangle of rates (no image, no text), whose sum is 1 at most.

    Args:
        correct: (N,) bool under `both`, `image` (caption absent) and `text` (image absent).
        place: (N,) from `missing_thresholds`.
        cells: steps from rate 0 to 1.

    Returns:
        A row {"no_image", "no_text", "accuracy"} for each cell.
    """
    return [
        {"no_image": no_image, "no_text": no_text, "accuracy": float(right.double().mean())}
        for no_image, no_text, right in correct_in_cells(correct, place, cells)
    ]


def sample_availability(correct: dict[str, Tensor], place: Tensor, cells: int) -> Tensor:
    """Compute the share of the surface's cells in which each sample is right: arguments as above -> (N,) float64."""
    return torch.stack([right for *_, right in correct_in_cells(correct, place, cells)]).double().mean(0)


def correct_in_cells(correct: dict[str, Tensor], place: Tensor, cells: int) -> Iterator[tuple[float, float, Tensor]]:
    """Yield each cell's rate without image, rate without text, and which samples are right there (N,)."""
    place = place.float()  # whatever the file that it was read from holds: the surface compares float32
    for i in range(cells + 1):
        for j in range(cells + 1 - i):
            no_image, no_text = i / cells, j / cells
            only_text = place < no_image
            only_image = place >= (cells - j) / cells  # from the other end: neither rate moves the other's mask
            for mask, rate in ((only_text, no_image), (only_image, no_text)):  # the realised rate is the intended one
                assert abs(float(mask.double().mean()) - rate) <= 1 / len(place)
            right = torch.where(only_text, correct["text"], torch.where(only_image, correct["image"], correct["both"]))
            yield no_image, no_text, right
