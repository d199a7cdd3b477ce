"""Scores by name; where a metric is undefined, its score is the reason in words."""

from torch import Tensor

Scores = dict[str, float | str]


def share(right: Tensor) -> float:
    """Compute the mean of booleans."""
    return float(right.double().mean())


def prefixed(prefix: str, scores: Scores) -> Scores:
    """Rename each score to `prefix/name`."""
    return {f"{prefix}/{name}": score for name, score in scores.items()}


def defined(score: float | None, reason: str) -> float | str:
    """Replace None by the reason why there is no score."""
    return reason if score is None else score


def split_undefined(scores: Scores) -> tuple[dict[str, float | None], dict[str, str]]:
    """Split scores into {name: value, None where undefined} and {name: reason}."""
    reasons = {name: score for name, score in scores.items() if isinstance(score, str)}
    return {name: None if name in reasons else score for name, score in scores.items()}, reasons
