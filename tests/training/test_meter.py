import pytest
import torch

from multimodal.training.meter import MeanMeter


def test_a_mean_over_batches_is_the_mean_over_their_samples():
    values = torch.rand(10)
    means = MeanMeter()
    for part in values.split(4):  # the last has two samples only
        means.add({"loss": part.mean()}, len(part))
    assert means.means() == {"loss": pytest.approx(values.mean().item())}


def test_means_keep_no_graph_and_sum_in_float32():
    means = MeanMeter()
    parameter = torch.ones((), requires_grad=True, dtype=torch.bfloat16)
    for _ in range(1000):
        means.add({"loss": parameter}, 1)
    assert not means.sums["loss"].requires_grad
    assert means.means() == {"loss": 1.0}  # bf16 stops counting at 256
