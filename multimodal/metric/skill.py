"""Skill: what a score is worth above its best blind baseline, as a share of what there was to gain."""

LEAST_ROOM = 0.05  # below it a share would be noise


def skill(score: float, blind: float, best: float) -> float | None:
    """Compute (score - blind) / (best - blind): 0 for the blind baseline, 1 for the best; None without room."""
    room = best - blind
    return None if room < LEAST_ROOM else (score - blind) / room
