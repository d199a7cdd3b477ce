"""What the tasks share: random draws of each split, words for classes, and accuracies that follow from the process."""

import re

import torch
from torch import Tensor


def split_generators(seed: int, content: dict[str, Tensor]) -> dict[str, torch.Generator]:
    """Return a random generator for each split: no two of them draw alike, nor do those of two seeds below 1000.

    Args:
        seed: the data's seed.
        content: {split: anything}.
    """
    return {split: torch.Generator().manual_seed(1000 * seed + number) for number, split in enumerate(sorted(content))}


# Beginnings of names by their sound; they are tried in this order, and after them a vowel letter decides.
SOUNDS = (
    ("an", re.compile(r"[aefhilmnorsx](?![^\W_])", re.IGNORECASE)),  # a letter by itself: "an F", "an x-ray"
    ("a", re.compile(r"u(?![^\W_])", re.IGNORECASE)),
    ("an", re.compile(r"(?:8\d{0,2}|11|18)(?:,?\d{3})*(?!\d)")),  # eight, eleven, eighteen; 8,000 and 18,000
    ("an", re.compile(r"hour|heir|hono|honest", re.IGNORECASE)),
    ("a", re.compile(r"eu|ewe|once|one(?!ro)|unanim|uni(?![nmd])|unimod|u[bcfhjkqrst][aeiou]", re.IGNORECASE)),
    ("an", re.compile(r"[aeiou]", re.IGNORECASE)),
)


def with_article(name: str) -> str:
    """Return a class name, a word, a letter or a number, with its indefinite article.

    Example:
        >>> [with_article(name) for name in ("eight", "one", "polar bear", "hour", "uninvited guest", "11", "110")]
        ['an eight', 'a one', 'a polar bear', 'an hour', 'an uninvited guest', 'an 11', 'a 110']
    """
    return f"{next((article for article, start in SOUNDS if start.match(name)), 'a')} {name}"


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
