"""Skill: the part of the possible gain over the best blind baseline that a score achieves."""

LEAST_ROOM = 0.05  # possible gain; for a smaller one, the share would be noise


def skill(score: float, blind: float, best: float) -> float | None:
    """Compute (score - blind) / (best - blind).

    Args:
        score: the model's score.
        blind: score of the best blind baseline.
        best: highest possible score, or a judge's accuracy on real samples. Generated samples may be easier to judge
            than real ones, but that is no gain: a higher score counts as this one.

    Returns:
        0 for the blind baseline, 1 for the best score, negative below the baseline; None if the possible gain is
        below LEAST_ROOM.

    Example:
        >>> round(skill(0.8, blind=0.6, best=1.0), 3)
        0.5
        >>> skill(0.99, blind=0.5, best=0.98)
        1.0
        >>> skill(0.98, blind=0.97, best=1.0) is None
        True
    """
    room = best - blind
    return None if room < LEAST_ROOM else (min(score, best) - blind) / room
