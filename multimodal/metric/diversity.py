"""Whether captions are those of the data, and whether they differ at all."""


def exact(preds: list[list[str]], target: list[list[str]]) -> float:
    """Compute the share of N captions that equal their reference word for word."""
    return sum(pred == reference for pred, reference in zip(preds, target, strict=True)) / len(target)


def distinct(preds: list[list[str]]) -> int:
    """Count the different captions."""
    return len(set(map(tuple, preds)))
