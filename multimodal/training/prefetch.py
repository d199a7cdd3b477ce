"""Load the next batch in a thread while the current one is computed on."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetch(load: Callable[[int], T], steps: range) -> Generator[T, None, None]:
    """Yield `load(step)` for each step; the next one is loaded meanwhile, by a thread that ends with the iterator.

    Close the iterator (`contextlib.closing`) if it is left early. What `load` raises is raised at its step.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as pool:
        ahead = None
        for step in steps:
            current = pool.submit(load, step) if ahead is None else ahead
            ahead = pool.submit(load, step + steps.step) if step != steps[-1] else None
            yield current.result()
