import threading
from contextlib import closing

import pytest

from multimodal.training.prefetch import prefetch


def threads() -> list[str]:
    """The threads that load."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.mark.parametrize("steps", [range(0), range(1), range(3, 9), range(0, 9, 4)], ids=str)
def test_every_step_is_loaded_once_and_in_order(steps):
    loaded = []
    assert list(prefetch(lambda step: loaded.append(step) or 10 * step, steps)) == [10 * step for step in steps]
    assert loaded == list(steps)
    assert not threads()


def test_the_next_one_is_loaded_while_the_caller_computes():
    loaded = {step: threading.Event() for step in range(4)}
    for step in prefetch(lambda step: loaded[step].set() or step, range(4)):
        assert loaded[min(step + 1, 3)].wait(10)
        assert not any(loaded[later].is_set() for later in range(step + 2, 4))  # one ahead and no more


def test_an_exception_comes_at_its_step_and_the_thread_ends():
    def load(step):
        if step == 2:
            raise OSError("the file is gone")
        return step

    batches = prefetch(load, range(5))
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(OSError, match="the file is gone"):
        next(batches)
    assert not threads()


@pytest.mark.parametrize("ended", [KeyboardInterrupt, FloatingPointError])
def test_the_thread_ends_with_a_loop_that_is_left_early(ended):
    def leave():
        with closing(prefetch(lambda step: step, range(100))) as batches:
            next(batches)
            assert threads()
            raise ended

    with pytest.raises(ended):
        leave()
    assert not threads()
