import itertools

import pytest
import torch

from multimodal.training.schedule import warmup_constant, warmup_cosine


def rates(warmup: int, steps: int, peak: float = 0.1, function=warmup_cosine) -> list[float]:
    """The learning rate at each step, and after the last."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    schedule = function(optimizer, steps, warmup / steps)
    seen = [schedule.get_last_lr()[0]]
    for _ in range(steps):
        optimizer.step()
        schedule.step()
        seen.append(schedule.get_last_lr()[0])
    return seen


def test_it_rises_in_a_line_to_the_peak_then_falls_to_zero():
    seen = rates(warmup=10, steps=100)
    assert seen[:10] == pytest.approx([0.01 * (i + 1) for i in range(10)])
    assert max(seen) == pytest.approx(0.1)
    assert all(a > b for a, b in itertools.pairwise(seen[10:]))
    assert seen[55] == pytest.approx(0.05)  # halfway down the cosine
    assert seen[-1] == pytest.approx(0, abs=1e-12)
    assert seen[-2] > 0  # no step is wasted


def test_without_warmup_it_starts_at_the_peak():
    assert rates(warmup=0, steps=4)[0] == pytest.approx(0.1)


@pytest.mark.parametrize(("warmup", "steps"), [(0, 1), (1, 2), (2, 3)])
def test_a_very_short_run_has_a_learning_rate_above_zero_at_every_step(warmup, steps):
    assert all(0 < rate <= 0.1 for rate in rates(warmup, steps)[:steps])


def test_a_constant_rate_rises_and_stays():
    assert rates(warmup=2, steps=5, function=warmup_constant) == pytest.approx([0.05, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert rates(warmup=0, steps=2, function=warmup_constant) == pytest.approx([0.1] * 3)
