"""Wall-clock time of the parts of an evaluation: each second counts in one of them, so they sum to the whole."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Measures the seconds of named blocks; the time of a nested block is not counted in the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Measure the block and add its seconds to those under the name."""
        before, start = sum(self.seconds.values()), time.perf_counter()
        yield
        nested = sum(self.seconds.values()) - before
        own = time.perf_counter() - start - nested
        self.seconds[name] = round(self.seconds.get(name, 0.0) + own, 3)
