"""Checks of settings; each error names the setting, what it must be, and what was given.

Every check takes first the name of the config's node, then its settings as keywords:

>>> check_whole("training", steps=0)
Traceback (most recent call last):
ValueError: training.steps must be a whole number of 1 or more, got 0
"""

import math
from collections.abc import Collection
from typing import Any

MOST_LAYERS = 1000  # a deeper model is a slip of the keyboard
MOST_BEAMS = 1000  # so is a wider beam
LARGEST_SEED = 2**32 - 1  # that NumPy and scikit-learn take


def full_name(node: str, name: str) -> str:
    """Return a setting's full name; the config's root has the node ""."""
    return f"{node}.{name}" if node else name


def check_whole(node: str, least: int = 1, most: int = 2**63 - 1, **settings: Any) -> None:
    """Raise ValueError unless every setting is a whole number from `least` to `most`; true and 2.0 are refused."""
    for name, value in settings.items():
        if type(value) is not int or not least <= value <= most:
            wanted = f"of {least} or more" if most >= 2**63 - 1 else f"from {least} to {most}"
            raise ValueError(f"{full_name(node, name)} must be a whole number {wanted}, got {value!r}")


def check_seed(node: str, **settings: Any) -> None:
    """Raise ValueError unless every setting is a seed: a whole number of 0 or more that fits into 32 bits."""
    check_whole(node, 0, LARGEST_SEED, **settings)


def check_number(
    node: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
    **settings: Any,
) -> None:
    """Raise ValueError unless every setting is a finite number within the bounds.

    Args:
        node: name of the config's node.
        least: lower bound, included.
        above: lower bound, excluded.
        below: upper bound, excluded.
        most: upper bound, included.
        **settings: {name: value}.
    """
    bounds = {"{} or more": least, "above {}": above, "below {}": below, "{} at most": most}
    wanted = " and ".join(text.format(f"{bound:g}") for text, bound in bounds.items() if math.isfinite(bound))
    wanted = f", {wanted}" if wanted else ""
    for name, value in settings.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not (least <= value <= most and above < value < below):
            raise ValueError(f"{full_name(node, name)} must be a number{wanted}, got {value!r}")


def check_one_of(node: str, options: Collection[Any], **settings: Any) -> None:
    """Raise ValueError unless every setting is one of the options."""
    for name, value in settings.items():
        if value not in options:
            raise ValueError(f"{full_name(node, name)} must be one of {', '.join(map(str, options))}, got {value!r}")


def check_flag(node: str, **settings: Any) -> None:
    """Raise ValueError unless every setting is true or false; strings such as `yes` are refused."""
    for name, value in settings.items():
        if type(value) is not bool:
            raise ValueError(f"{full_name(node, name)} must be true or false, got {value!r}")


def check_multiple(node: str, of: int, why: str = "", **settings: Any) -> None:
    """Raise ValueError unless every setting is a positive multiple of `of`; `why` explains that number."""
    for name, value in settings.items():
        if type(value) is not int or value < 1 or value % of:
            reason = f" ({why})" if why else ""
            raise ValueError(f"{full_name(node, name)} must be a multiple of {of}{reason}, got {value!r}")


def check_divides(node: str, into: int, what: str, **settings: Any) -> None:
    """Raise ValueError unless every setting is a whole number of 1 or more that divides `into`, named `what`."""
    check_whole(node, **settings)
    for name, value in settings.items():
        if into % value:
            raise ValueError(f"{full_name(node, name)} must divide {what}={into}, got {value!r}")
