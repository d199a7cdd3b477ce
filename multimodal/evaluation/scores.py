"""Scores by name; the score of an undefined metric is the reason in words."""

from collections.abc import Mapping

from torch import Tensor

Scores = dict[str, float | str]


def share(hits: Tensor) -> float:
    """Compute the share of True in a boolean tensor."""
    return float(hits.double().mean())


def prefixed(prefix: str, scores: Mapping[str, float | str]) -> Scores:
    """Rename each score to `prefix/name`."""
    return {f"{prefix}/{name}": score for name, score in scores.items()}


def defined(score: float | None, reason: str) -> float | str:
    """Return the score, or the reason if the score is None."""
    return reason if score is None else score


def split_undefined(scores: Scores) -> tuple[dict[str, float | None], dict[str, str]]:
    """Split scores into {name: value, None where undefined} and {name: reason}."""
    reasons = {name: score for name, score in scores.items() if isinstance(score, str)}
    return {name: None if isinstance(score, str) else score for name, score in scores.items()}, reasons
