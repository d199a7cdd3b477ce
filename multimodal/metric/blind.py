"""Blind baselines: predictions that use neither the image nor the caption of the test sample.

Three use no test label (the most frequent caption, a random training caption, the mean image); two use the
class of the test sample (its most frequent caption, its mean image) and are listed beside them.
"""

from collections import Counter

import torch
from torch import Tensor


def most_frequent(rows: Tensor) -> Tensor:
    """Return the most frequent row; of equally frequent ones, the smallest.

    Args:
        rows: (N, T) tokens.

    Returns:
        (T,).

    Example:
        >>> most_frequent(torch.tensor([[3, 4], [1, 2], [3, 4]]))
        tensor([3, 4])
    """
    counts = Counter(map(tuple, rows.tolist()))
    return torch.tensor(min(counts, key=lambda row: (-counts[row], row)))


def blind_captions(train: Tensor, size: int, seed: int) -> dict[str, Tensor]:
    """Return training captions as predictions: the most frequent one for all samples, or a random one for each.

    Args:
        train: (M, T) tokens of the training captions.
        size: number of test samples N.
        seed: seed of the random choice; the global random state is not used.

    Returns:
        `frequent_caption` and `random_caption`, each (N, T).

    Example:
        >>> captions = blind_captions(torch.tensor([[3, 4], [1, 2], [3, 4]]), size=2, seed=0)
        >>> captions["frequent_caption"]
        tensor([[3, 4],
                [3, 4]])
        >>> captions["random_caption"].shape
        torch.Size([2, 2])
    """
    rows = torch.randint(len(train), (size,), generator=torch.Generator().manual_seed(seed))
    return {"frequent_caption": most_frequent(train).expand(size, -1), "random_caption": train[rows].long()}


def class_captions(train: Tensor, train_content: Tensor, content: Tensor) -> Tensor:
    """Return for each test sample the most frequent training caption of its class.

    Args:
        train: (M, T) tokens of the training captions.
        train_content: (M,) int64, classes of the training samples.
        content: (N,) int64, classes of the test samples; a class without training samples uses all of them.

    Returns:
        (N, T).

    Example:
        >>> class_captions(torch.tensor([[3, 4], [1, 2], [3, 4]]), torch.tensor([0, 1, 0]), torch.tensor([1, 0]))
        tensor([[1, 2],
                [3, 4]])
    """
    of_class = {c: train_content == c for c in content.unique().tolist()}
    table = {c: most_frequent(train[rows] if rows.any() else train) for c, rows in of_class.items()}
    return torch.stack([table[c] for c in content.tolist()])


def class_images(train: Tensor, train_content: Tensor, content: Tensor) -> Tensor:
    """Return for each test sample the mean training image of its class.

    Args:
        train: (M, C, H, W) uint8.
        train_content: (M,) int64, classes of the training samples.
        content: (N,) int64, classes of the test samples; a class without training samples uses all of them.

    Returns:
        (N, C, H, W) float in [0, 1].

    Example:
        >>> train = torch.tensor([0, 255, 255], dtype=torch.uint8).view(3, 1, 1, 1)
        >>> class_images(train, torch.tensor([0, 0, 1]), torch.tensor([0, 1])).flatten()
        tensor([0.5000, 1.0000])
    """
    table = torch.zeros(int(content.max()) + 1, *train.shape[1:])
    for c in content.unique().tolist():
        rows = train_content == c
        table[c] = (train[rows] if rows.any() else train).float().mean(0) / 255
    return table[content]
