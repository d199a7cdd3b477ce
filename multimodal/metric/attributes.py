"""Attribute accuracy: whether a caption states what its reference states, in whatever words around it."""

from collections import Counter
from collections.abc import Callable
from functools import cache

LEAST = 0.05  # what a grammar reads in fewer captions is an accident of other people's words


def attribute_accuracy(
    written: list[list[str]], references: list[list[str]], parse: Callable[[str], dict[str, str]]
) -> dict[str, float]:
    """Recall of each attribute over the references that state it, and their unweighted mean.

    Args:
        written: words of N captions.
        references: words of one reference for each.
        parse: a caption -> {attribute: word} of what it states.

    Returns:
        `attribute_accuracy` and `attribute_accuracy_<name>` of the attributes that a share of LEAST of the references
        states; nothing where there is none.
    """
    read = cache(parse)  # templated captions repeat
    stated, right = Counter(), Counter()
    for said, asked in zip(written, references, strict=True):
        found = read(" ".join(said))
        for name, word in read(" ".join(asked)).items():
            stated[name] += 1
            right[name] += found.get(name) == word
    common = {name: count for name, count in stated.items() if count >= LEAST * len(references)}
    if not common:
        return {}
    scores = {f"attribute_accuracy_{name}": right[name] / count for name, count in common.items()}
    return {"attribute_accuracy": sum(scores.values()) / len(scores)} | scores
