"""Hypothesis for a given time: the number of examples depends on the machine, and is printed."""

import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy, tuples

AT_ONCE = 500  # examples of one search, the next of which starts from another seed
SEARCH = settings(max_examples=AT_ONCE, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def search(seconds: float, check: Callable[..., Any], *strategies: SearchStrategy[Any]) -> int:
    """Search for arguments that `check` fails on, for this time; return how many were tried."""
    tried, stop = 0, time.monotonic() + seconds

    @SEARCH
    @given(tuples(*strategies))
    def examples(arguments: tuple[Any, ...]) -> None:
        nonlocal tried
        if time.monotonic() < stop:
            tried += 1
            check(*arguments)

    while time.monotonic() < stop:
        examples()
    print(f"{tried} examples in {seconds:g} s")
    return tried
