"""Attribute accuracy: whether a caption states what its reference states, whatever the words around it."""

from collections import Counter
from collections.abc import Callable
from functools import cache

LEAST = 0.05  # what a grammar reads in fewer captions is an accident of other people's words


def attribute_accuracy(
    preds: list[list[str]], target: list[list[str]], parse: Callable[[str], dict[str, str]]
) -> dict[str, float]:
    """Compute the recall of each attribute over the references that state it, and their unweighted mean.

    Args:
        preds: words of N captions.
        target: words of one reference for each.
        parse: a caption -> {attribute: word} of what it states.

    Returns:
        `attribute_accuracy` and `attribute_accuracy_<name>` of the attributes that a share of LEAST of the references
        states; nothing where there is none.
    """
    read = cache(parse)  # templated captions repeat
    stated, right = Counter(), Counter()
    for pred, reference in zip(preds, target, strict=True):
        predicted = read(" ".join(pred))
        for name, word in read(" ".join(reference)).items():
            stated[name] += 1
            right[name] += predicted.get(name) == word
    common = {name: count for name, count in stated.items() if count >= LEAST * len(target)}
    if not common:
        return {}
    scores = {f"attribute_accuracy_{name}": right[name] / count for name, count in common.items()}
    return {"attribute_accuracy": sum(scores.values()) / len(scores)} | scores
