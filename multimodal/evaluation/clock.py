"""How long the stages of an evaluation take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Wall clock of named stages.

    Args:
        seconds: {stage: wall clock}; stages are written into it.
    """

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Times what is done inside."""
        began = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - began, 3)
