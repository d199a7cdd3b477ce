"""The clock counts each second once."""

import time

from multimodal.evaluation.clock import Clock


def test_a_block_inside_another_is_not_counted_twice(monkeypatch) -> None:
    now = iter([0.0, 1.0, 6.0, 10.0])  # the inner block lasts from 1 to 6
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Clock()
    with clock("outer"), clock("inner"):
        pass
    assert clock.seconds == {"inner": 5.0, "outer": 5.0}
