"""Checks of settings; each error names the setting, what it must be, and what was given.

Every check takes first the name of the config's node, then its settings as keywords:

>>> check_whole("training", steps=0)
Traceback (most recent call last):
ValueError: training.steps must be a whole number of 1 or more, got 0
"""

import math
from collections.abc import Collection
from typing import Any


def check_whole(node: str, least: int = 1, **settings: Any) -> None:
    """Raise ValueError unless every setting is a whole number of `least` or more; true and 2.0 are refused."""
    for name, value in settings.items():
        if type(value) is not int or value < least:
            raise ValueError(f"{node}.{name} must be a whole number of {least} or more, got {value!r}")


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
    for name, value in settings.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not (least <= value <= most and above < value < below):
            raise ValueError(f"{node}.{name} must be a number{f', {wanted}' if wanted else ''}, got {value!r}")


def check_one_of(node: str, options: Collection[Any], **settings: Any) -> None:
    """Raise ValueError unless every setting is one of the options."""
    for name, value in settings.items():
        if value not in options:
            raise ValueError(f"{node}.{name} must be one of {', '.join(map(str, options))}, got {value!r}")


def check_flag(node: str, **settings: Any) -> None:
    """Raise ValueError unless every setting is true or false; strings such as `yes` are refused."""
    for name, value in settings.items():
        if type(value) is not bool:
            raise ValueError(f"{node}.{name} must be true or false, got {value!r}")


def check_multiple(node: str, of: int, why: str = "", **settings: Any) -> None:
    """Raise ValueError unless every setting is a positive multiple of `of`; `why` explains that number."""
    for name, value in settings.items():
        if type(value) is not int or value < 1 or value % of:
            reason = f" ({why})" if why else ""
            raise ValueError(f"{node}.{name} must be a multiple of {of}{reason}, got {value!r}")


def check_divides(node: str, into: int, what: str, **settings: Any) -> None:
    """Raise ValueError unless every setting is a whole number of 1 or more that divides `into`, named `what`."""
    check_whole(node, **settings)
    for name, value in settings.items():
        if into % value:
            raise ValueError(f"{node}.{name} must divide {what}={into}, got {value!r}")
