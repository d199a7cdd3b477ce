"""Whether a model combines its modalities or only adds their contributions: its answers to swapped pairs.

EMAP: Hessel and Lee 2020, https://aclanthology.org/2020.emnlp-main.62. Shapley value of two players: Shapley
1953; here the game pays accuracy.
"""

import torch
from torch import Tensor

LEAST_GAIN = 0.05  # of both modalities over chance; below it a share would be noise


def emap_gap(grid: Tensor, label: Tensor) -> float:
    """Compute the accuracy of the model minus that of its nearest additive model, f(image) + g(caption).

    Args:
        grid: (n, n, K) scores, [i, j] the answer to image i with caption j, on the scale on which they are added.
        label: (n,) int64.
    """
    grid = grid.double()
    additive = grid.mean(1) + grid.mean(0) - grid.mean((0, 1))  # (n, K), at the true pairs
    own = grid.diagonal().T  # (n, K)
    return accuracy(own, label) - accuracy(additive, label)


def shuffled(grid: Tensor, label: Tensor) -> dict[str, float]:
    """Compute the accuracy with any other sample's caption, or image: (n, n, K), (n,) -> means over all i != j."""
    if len(label) < 2:
        raise ValueError(f"a shuffle needs two samples or more, got {len(label)}")
    answer = grid.argmax(-1)
    other = ~torch.eye(len(label), dtype=torch.bool, device=grid.device)
    return {
        "shuffle_text": float((answer == label[:, None])[other].double().mean()),
        "shuffle_image": float((answer == label[None])[other].double().mean()),
    }


def shapley_image(both: float, image: float, text: float, chance: float) -> float | None:
    """Compute the image's share of what both modalities add to the accuracy: its Shapley value over the sum of both.

    The caption's share is the rest. Below 0 or above 1 where one modality harms; None without room.
    """
    gain = both - chance
    if gain < LEAST_GAIN:
        return None
    return ((image - chance) + (both - text)) / 2 / gain


def accuracy(logits: Tensor, label: Tensor) -> float:
    """Compute the share of right answers: (n, K), (n,)."""
    return float((logits.argmax(-1) == label).double().mean())
