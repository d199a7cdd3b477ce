"""Interaction of the modalities: whether a model combines them or only adds their contributions.

EMAP: Hessel and Lee 2020, https://aclanthology.org/2020.emnlp-main.62. Shapley value for two players: Shapley
1953; here the value of a coalition is the accuracy.
"""

import torch
from torch import Tensor

LEAST_GAIN = 0.05  # gain of both modalities over chance; for a smaller one, the shares would be noise


def emap_gap(grid: Tensor, label: Tensor) -> float:
    """Compute the accuracy of the model minus that of its nearest additive model, f(image) + g(caption).

    Args:
        grid: (n, n, K) scores of image i with caption j at [i, j], on the scale on which the model adds them.
        label: (n,) int64.

    Returns:
        Difference of two accuracies, in [-1, 1]; 0 for an additive model.

    Example:
        >>> image, caption = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
        >>> grid = torch.nn.functional.one_hot((image[:, None] + caption) % 2, 2)
        >>> emap_gap(grid, (image + caption) % 2)  # exclusive or: no additive model exceeds chance
        0.5
    """
    return float(emap_differences(grid, label).mean())


def emap_error(grid: Tensor, label: Tensor) -> float:
    """Compute the standard error of the EMAP gap over samples: 95 % of its intervals are about 2 errors to each side.

    Args:
        grid: (n, n, K) scores of image i with caption j at [i, j].
        label: (n,) int64, of two samples or more.

    Returns:
        At most 1 / sqrt(n - 1); 0 for an additive model.

    Example:
        >>> image, caption = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
        >>> grid = torch.nn.functional.one_hot((image[:, None] + caption) % 2, 2)
        >>> round(emap_error(grid, (image + caption) % 2), 3)  # differences of 0, 1, 1 and 0
        0.289
    """
    return float(emap_differences(grid, label).std() / len(label) ** 0.5)


def emap_differences(grid: Tensor, label: Tensor) -> Tensor:
    """Compute for each sample whether the model is right (1 or 0) minus whether its nearest additive model is.

    Args:
        grid: (n, n, K) scores of image i with caption j at [i, j].
        label: (n,) int64.

    Returns:
        (n,) float64 of -1, 0 and 1.
    """
    grid = grid.double()
    additive = grid.mean(1) + grid.mean(0) - grid.mean((0, 1))  # (n, K), at the true pairs
    own = grid.diagonal().T  # (n, K)
    return (own.argmax(-1) == label).double() - (additive.argmax(-1) == label).double()


def shuffled(grid: Tensor, label: Tensor) -> dict[str, float]:
    """Compute the accuracy with another sample's caption, or another sample's image, averaged over all i != j.

    Args:
        grid: (n, n, K) scores of image i with caption j at [i, j].
        label: (n,) int64.

    Returns:
        `shuffle_text` (the label is that of the image) and `shuffle_image` (the label is that of the caption).

    Raises:
        ValueError: if there are fewer than two samples.

    Example:
        >>> scores = torch.eye(2)  # (n, K): a model that reads only the image, and is always right
        >>> shuffled(scores[:, None].expand(2, 2, 2), torch.tensor([0, 1]))
        {'shuffle_text': 1.0, 'shuffle_image': 0.0}
    """
    if len(label) < 2:
        raise ValueError(f"shuffling needs at least two samples, got {len(label)}")
    prediction = grid.argmax(-1)
    other = ~torch.eye(len(label), dtype=torch.bool, device=grid.device)
    return {
        "shuffle_text": float((prediction == label[:, None])[other].double().mean()),
        "shuffle_image": float((prediction == label[None])[other].double().mean()),
    }


def shapley_image(both: float, image: float, text: float, chance: float) -> float | None:
    """Compute the image's share of the accuracy that both modalities gain over chance, by Shapley values.

    Args:
        both: accuracy with both modalities.
        image: accuracy with the image alone.
        text: accuracy with the caption alone.
        chance: accuracy without input.

    Returns:
        The image's Shapley value divided by the gain; the caption's share is 1 minus it. Below 0 or above 1 if one
        modality harms. None if the gain is below LEAST_GAIN.

    Example:
        >>> round(shapley_image(both=0.9, image=0.7, text=0.3, chance=0.1), 3)  # the image adds 0.6, the caption 0.2
        0.75
        >>> shapley_image(both=0.5, image=0.5, text=0.5, chance=0.5) is None
        True
    """
    gain = both - chance
    if gain < LEAST_GAIN:
        return None
    return ((image - chance) + (both - text)) / 2 / gain
