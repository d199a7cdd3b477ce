"""What the tasks share: random draws of each split, words for classes, and accuracies that follow from the process."""

import torch
from torch import Tensor


def split_generators(seed: int, content: dict[str, Tensor]) -> dict[str, torch.Generator]:
    """Return a random generator for each split: no two of them draw alike, nor do those of two seeds below 1000.

    Args:
        seed: the data's seed.
        content: {split: anything}.
    """
    return {split: torch.Generator().manual_seed(1000 * seed + number) for number, split in enumerate(sorted(content))}


VOWELS = tuple("aeiou8")  # "an eight", "an 8"
CONSONANTS = ("one", "uni", "eu")  # spoken as "w" and "y": "a one", "a unicorn"


def with_article(name: str) -> str:
    """Return a class name with its indefinite article.

    Example:
        >>> with_article("eight"), with_article("one"), with_article("polar bear")
        ('an eight', 'a one', 'a polar bear')
    """
    start = name.lower()
    return f"{'an' if start.startswith(VOWELS) and not start.startswith(CONSONANTS) else 'a'} {name}"


def class_shares(content: Tensor, classes: int) -> Tensor:
    """Return how many samples are of each class, as shares: (N,) int64 -> (K,) float64."""
    return content.bincount(minlength=classes).double() / len(content)


def chance_level(train: Tensor, label: Tensor) -> float:
    """Compute the accuracy of always answering the most frequent training label: what a model without input can reach.

    Args:
        train: (M,) int64, labels of the training split.
        label: (N,) int64, labels of the samples that are scored.

    Example:
        >>> chance_level(torch.tensor([1, 1, 0]), torch.tensor([0, 0, 0, 1]))
        0.25
    """
    return float((label == train.bincount().argmax()).double().mean())
