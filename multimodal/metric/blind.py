"""Blind baselines: predictions that use neither the image nor the caption of the test sample.

Three use no test label (the most frequent caption, a random training caption, the mean image); two use the
class of the test sample (its most frequent caption, its mean image) and are listed beside them.
"""

import numpy as np
import torch
from torch import Tensor

from multimodal.images import ImageRows, images_at_once


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
    different, counts = np.unique(rows.numpy(), axis=0, return_counts=True)  # in ascending order
    return torch.from_numpy(different[counts.argmax()]).long()


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
    groups, number = training_rows(train_content, content)
    return torch.stack([most_frequent(train[rows]) for rows in groups])[number]


def training_rows(train_content: Tensor, content: Tensor) -> tuple[list[Tensor], Tensor]:
    """Group the training samples by class, as far as the test samples need it.

    Args:
        train_content: (M,) int64, classes of the training samples.
        content: (N,) int64, classes of the test samples.

    Returns:
        The rows of the training samples of each class; all rows for classes without any. For each test sample (N,)
        int64 which of these groups is that of its class.

    Example:
        >>> training_rows(torch.tensor([0, 1, 0]), torch.tensor([2, 0]))
        ([tensor([0, 2]), tensor([0, 1, 2])], tensor([1, 0]))
    """
    known, size = train_content.unique(return_counts=True)
    groups = [*train_content.argsort(stable=True).split(size.tolist()), torch.arange(len(train_content))]
    place = torch.searchsorted(known, content).clamp(max=len(known) - 1)
    used, number = torch.where(known[place] == content, place, len(known)).unique(return_inverse=True)
    return [groups[g] for g in used.tolist()], number


def mean_image(image: ImageRows, rows: Tensor) -> Tensor:
    """Compute the mean of some images, rounded to whole pixel values like every picture.

    Args:
        image: (N, C, H, W) uint8.
        rows: (n,) int64.

    Returns:
        (C, H, W) uint8.

    Example:
        >>> mean_image(torch.tensor([0, 255, 30], dtype=torch.uint8).view(3, 1, 1, 1), torch.tensor([0, 2])).item()
        15
    """
    total = torch.zeros(image.shape[1:], dtype=torch.int64)
    for part in rows.split(images_at_once(image)):
        total += image[part].sum(0)
    return (total.double() / len(rows)).round().byte()


def class_images(train: ImageRows, train_content: Tensor, content: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the mean training image of each class of the test samples, rounded to whole pixel values.

    Args:
        train: (M, C, H, W) uint8.
        train_content: (M,) int64, classes of the training samples.
        content: (N,) int64, classes of the test samples; a class without training samples uses all of them.

    Returns:
        (K, C, H, W) uint8 for K different classes; for each test sample (N,) int64 which of them is that of its class.

    Example:
        >>> train = torch.tensor([0, 255, 30], dtype=torch.uint8).view(3, 1, 1, 1)
        >>> table, number = class_images(train, torch.tensor([0, 1, 0]), torch.tensor([1, 0]))
        >>> table[number].flatten().tolist()
        [255, 15]
    """
    groups, number = training_rows(train_content, content)
    return torch.stack([mean_image(train, rows) for rows in groups]), number
