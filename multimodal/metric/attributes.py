"""Attribute accuracy: whether a caption states the same attributes as its reference, regardless of its wording."""

from collections import Counter
from collections.abc import Callable
from functools import cache

LEAST = 0.05  # attributes in a smaller share of the references are accidental matches of the grammar


def attribute_accuracy(
    preds: list[list[str]], target: list[list[str]], parse: Callable[[str], dict[str, str]]
) -> dict[str, float]:
    """Compute the recall of each attribute over the references that state it, and their unweighted mean.

    Args:
        preds: words of N captions.
        target: words of N references, one for each caption.
        parse: function from a caption to its attributes, {attribute: word}.

    Returns:
        `attribute_accuracy` (the mean) and `attribute_accuracy_<name>` for every attribute that at least a share
        LEAST of the references states; empty if there is no such attribute.

    Raises:
        ValueError: if the numbers of captions and references differ.

    Example:
        >>> def parse(caption):
        ...     return dict(word.split(":") for word in caption.split())
        >>> attribute_accuracy([["size:big", "color:red"]], [["size:big", "color:blue"]], parse)
        {'attribute_accuracy': 0.5, 'attribute_accuracy_size': 1.0, 'attribute_accuracy_color': 0.0}
    """
    cached_parse = cache(parse)  # templated captions repeat
    stated: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for pred, reference in zip(preds, target, strict=True):
        predicted = cached_parse(" ".join(pred))
        for name, word in cached_parse(" ".join(reference)).items():
            stated[name] += 1
            right[name] += predicted.get(name) == word
    common = {name: count for name, count in stated.items() if count >= LEAST * len(target)}
    if not common:
        return {}
    scores = {f"attribute_accuracy_{name}": right[name] / count for name, count in common.items()}
    return {"attribute_accuracy": sum(scores.values()) / len(scores)} | scores
