"""Accuracy over all rates at which images and captions may be missing.

Frozen masks: a sample has one place in [0, 1) for good, so any two models miss the same modalities
of the same samples, and raising a rate only takes more away.
"""

import torch
from torch import Tensor


def places(size: int, seed: int) -> Tensor:
    """(N,) evenly spaced in [0, 1), in an order drawn by `seed`: realised rates are exact to 1 / N."""
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    return (order + 0.5) / size


def surface(correct: dict[str, Tensor], place: Tensor, cells: int) -> list[dict[str, float]]:
    """Accuracy in each cell of the triangle of rates (no image, no text), their sum 1 at most.

    Args:
        correct: (N,) bool under `both`, `image` (caption absent) and `text` (image absent).
        place: (N,) from `places`.
        cells: steps from rate 0 to 1.

    Returns:
        A row {"no_image", "no_text", "accuracy"} for each cell.
    """
    rows = []
    for i in range(cells + 1):
        for j in range(cells + 1 - i):
            no_image, no_text = i / cells, j / cells
            only_text = place < no_image
            only_image = place >= (cells - j) / cells  # from the other end: neither rate moves the other's mask
            for mask, rate in ((only_text, no_image), (only_image, no_text)):  # what was meant is what is done
                assert abs(float(mask.double().mean()) - rate) <= 1 / len(place)
            right = torch.where(only_text, correct["text"], torch.where(only_image, correct["image"], correct["both"]))
            rows.append({"no_image": no_image, "no_text": no_text, "accuracy": float(right.double().mean())})
    return rows
