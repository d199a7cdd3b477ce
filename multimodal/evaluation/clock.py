"""Wall clock of the parts of an evaluation."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Measures named blocks, each second once: a block inside another is not counted in the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Measure the block under a name."""
        before, began = sum(self.seconds.values()), time.perf_counter()
        yield
        inside = sum(self.seconds.values()) - before
        self.seconds[name] = round(time.perf_counter() - began - inside, 3)
