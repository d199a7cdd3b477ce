"""Attribute accuracy: whether a caption states what its reference states, in whatever words around it."""

from collections import Counter
from collections.abc import Callable
from functools import cache


def attribute_accuracy(
    written: list[list[str]], references: list[list[str]], parse: Callable[[str], dict[str, str]]
) -> dict[str, float]:
    """Recall of each attribute over the references that state it, and their unweighted mean.

    Args:
        written: words of N captions.
        references: words of one reference for each.
        parse: a caption -> {attribute: word} of what it states.

    Returns:
        `attribute_accuracy` and `attribute_accuracy_<name>`; nothing where no reference states any.
    """
    read = cache(parse)  # templated captions repeat
    stated, right = Counter(), Counter()
    for said, asked in zip(written, references, strict=True):
        found = read(" ".join(said))
        for name, word in read(" ".join(asked)).items():
            stated[name] += 1
            right[name] += found.get(name) == word
    if not stated:
        return {}
    scores = {f"attribute_accuracy_{name}": right[name] / count for name, count in stated.items()}
    return {"attribute_accuracy": sum(scores.values()) / len(scores)} | scores
