"""Exact match and diversity of generated captions."""


def exact(preds: list[list[str]], references: list[list[list[str]]]) -> float:
    """Compute the share of captions that equal one of their references word for word.

    Args:
        preds: words of N captions.
        references: words of the references of each of the N captions, one or more.

    Returns:
        Share in [0, 1].

    Raises:
        ValueError: if there is not a list of references for each caption.

    Example:
        >>> exact([["a", "cat"], ["a", "dog"]], [[["a", "cat"]], [["a", "cow"], ["a", "pig"]]])
        0.5
    """
    return sum(pred in texts for pred, texts in zip(preds, references, strict=True)) / len(references)


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
