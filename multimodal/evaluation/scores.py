"""Scores by name; where a measure is undefined, the score is the reason in words."""

from torch import Tensor

Scores = dict[str, float | str]


def share(right: Tensor) -> float:
    """Mean of booleans."""
    return float(right.double().mean())


def prefixed(prefix: str, scores: Scores) -> Scores:
    """{prefix/name: score}."""
    return {f"{prefix}/{name}": score for name, score in scores.items()}


def defined(score: float | None, reason: str) -> float | str:
    """The score, or the reason why there is none."""
    return reason if score is None else score


def split_undefined(scores: Scores) -> tuple[dict[str, float | None], dict[str, str]]:
    """({name: value, None where undefined}, {name: reason})."""
    reasons = {name: score for name, score in scores.items() if isinstance(score, str)}
    return {name: None if name in reasons else score for name, score in scores.items()}, reasons
