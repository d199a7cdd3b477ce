"""Attribute accuracy: whether a caption states the same attributes as its reference, regardless of its wording.

It is the mean over samples of the share of stated attributes that are right, as the attribute judge computes it for
images. The class is no attribute: class coherence tells it.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache

LEAST = 0.05  # attributes in a smaller share of the references are accidental matches of the grammar


def attribute_accuracy(
    preds: list[list[str]], target: list[list[str]], parse: Callable[[str], dict[str, str]], names: list[str]
) -> dict[str, float]:
    """Compute the share of each reference's attributes that its caption states, and the recall of each attribute.

    Args:
        preds: words of N captions.
        target: words of N references, one for each caption.
        parse: function from a caption to its attributes, {attribute: word}.
        names: name of the class of each reference.

    Returns:
        `attribute_accuracy` (the mean of the shares over the references that state any) and
        `attribute_accuracy_<name>` for every attribute that at least a share LEAST of the references states, without
        the class; empty if there is no such attribute.

    Raises:
        ValueError: if the numbers of captions and references differ.

    Example:
        >>> def parse(caption):
        ...     return dict(word.split(":") for word in caption.split())
        >>> attribute_accuracy([["size:big", "color:red"]], [["size:big", "color:blue"]], parse, ["cat"])
        {'attribute_accuracy': 0.5, 'attribute_accuracy_size': 1.0, 'attribute_accuracy_color': 0.0}
    """
    cached_parse = cache(parse)  # templated captions repeat
    stated = [cached_parse(" ".join(reference)) for reference in target]
    predicted = [cached_parse(" ".join(pred)) for pred in preds]
    number = Counter(name for row in stated for name in row)
    own = class_attributes(stated, names)
    counted = [name for name, count in number.items() if count >= LEAST * len(target) and name not in own]
    right = [
        {name: found.get(name) == row[name] for name in counted if name in row}
        for found, row in zip(predicted, stated, strict=True)
    ]
    shares = [sum(row.values()) / len(row) for row in right if row]
    if not shares:
        return {}
    scores = {f"attribute_accuracy_{n}": sum(row.get(n, False) for row in right) / number[n] for n in counted}
    return {"attribute_accuracy": sum(shares) / len(shares)} | scores


def class_attributes(stated: list[dict[str, str]], names: list[str]) -> set[str]:
    """Find the attributes that are the class: most captions that state them state the name of their class.

    Args:
        stated: {attribute: word} of N captions.
        names: name of the class of each.

    Example:
        >>> class_attributes([{"species": "cat", "fur": "black"}, {"species": "dog"}], ["cat", "dog"])
        {'species'}
    """
    number = Counter(attribute for row in stated for attribute in row)
    equal = Counter(a for row, name in zip(stated, names, strict=True) for a, word in row.items() if word == name)
    return {attribute for attribute, count in equal.items() if count > number[attribute] / 2}
