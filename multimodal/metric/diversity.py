"""Exact match and diversity of generated captions."""


def exact(preds: list[list[str]], target: list[list[str]]) -> float:
    """Compute the share of captions that equal their reference word for word.

    Args:
        preds: words of N captions.
        target: words of N references, one for each caption.

    Returns:
        Share in [0, 1].

    Raises:
        ValueError: if the numbers of captions and references differ.

    Example:
        >>> exact([["a", "cat"], ["a", "dog"]], [["a", "cat"], ["a", "cow"]])
        0.5
    """
    return sum(pred == reference for pred, reference in zip(preds, target, strict=True)) / len(target)


def distinct(preds: list[list[str]]) -> int:
    """Count the different captions.

    Args:
        preds: words of N captions.

    Returns:
        A number between 1 and N; 0 for no captions.

    Example:
        >>> distinct([["a", "cat"], ["a", "dog"], ["a", "cat"]])
        2
    """
    return len(set(map(tuple, preds)))
