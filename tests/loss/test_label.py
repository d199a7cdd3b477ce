"""Cross-entropy of the label against its formula."""

import math
from dataclasses import replace

import pytest
import torch

from multimodal.loss.label import LabelCrossEntropy
from multimodal.types import Output


def output(logits: torch.Tensor) -> Output:
    nothing = torch.zeros(1)
    return Output(logits, nothing, nothing, {}, {})


def slow(logits: list[list[float]], label: list[int], smoothing: float) -> float:
    """-sum over classes of target * log softmax, the target smoothed, sample by sample."""
    total = 0.0
    for row, answer in zip(logits, label, strict=True):
        normaliser = sum(math.exp(score) for score in row)
        for k, score in enumerate(row):
            target = (1 - smoothing) * (k == answer) + smoothing / len(row)
            total -= target * math.log(math.exp(score) / normaliser)
    return total / len(label)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_equals_the_formula(batch, smoothing) -> None:
    logits = 3 * torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    value = LabelCrossEntropy(smoothing)(output(logits), batch)
    assert float(value) == pytest.approx(slow(logits.tolist(), batch.label.tolist(), smoothing), rel=1e-5)


def test_knowing_nothing_costs_the_logarithm_of_the_classes(batch) -> None:
    assert float(LabelCrossEntropy(0.0)(output(torch.zeros(6, 3)), batch)) == pytest.approx(math.log(3))


def test_reads_the_answer_and_not_the_pictured_class(batch) -> None:
    """They differ under caption=synergy."""
    sure = 50 * torch.nn.functional.one_hot(batch.label, 3).float()
    other = replace(batch, content=(batch.label + 1) % 3)
    assert float(LabelCrossEntropy(0.0)(output(sure), other)) < 1e-5
