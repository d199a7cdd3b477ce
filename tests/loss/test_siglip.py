"""SigLIP against loops over the pairs."""

import math

import pytest
import torch

from multimodal.loss.siglip import SigLIP
from tests.helpers.pairs import EVERYONE, GAPS, TOKENS, embeddings, samples


@pytest.mark.parametrize("present", [(EVERYONE, EVERYONE), GAPS], ids=["all", "gaps"])
def test_equals_loops_over_the_pairs(present) -> None:
    x, y = embeddings()
    pairs = [i for i in range(len(x)) if present[0][i] and present[1][i]]
    total = 0.0
    for i in pairs:
        for j in pairs:
            sign = 1 if TOKENS[i].tolist() == TOKENS[j].tolist() else -1
            score = float(torch.cosine_similarity(x[i], y[j], dim=0)) / 0.3 - 2.0
            total += math.log(1 + math.exp(-sign * score))
    result = SigLIP(0.3, learned=False, bias=-2.0)(*samples(x, y, TOKENS, present))
    assert float(result) == pytest.approx(total / len(pairs), rel=1e-5)


def test_nobody_complete_costs_nothing() -> None:
    x, y = embeddings()
    assert SigLIP(0.3, learned=True, bias=-2.0)(*samples(x, y, TOKENS, (EVERYONE, ~EVERYONE))) == 0


def test_temperature_and_bias_are_trained_when_asked() -> None:
    x, y = embeddings()
    for learned in (False, True):
        loss = SigLIP(0.3, learned, bias=-2.0)
        assert [p.requires_grad for p in loss.parameters()] == [learned, learned]
    loss(*samples(x, y, TOKENS, (EVERYONE, EVERYONE))).backward()
    assert all(p.grad.abs() > 1e-4 for p in loss.parameters())


def test_a_temperature_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature must be"):
        SigLIP(0.0, learned=True, bias=0.0)
