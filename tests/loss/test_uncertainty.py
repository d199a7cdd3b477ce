"""Weights by uncertainty."""

import pytest
import torch

from multimodal.loss.uncertainty import UncertaintyWeightedLoss
from multimodal.loss.weighted import WeightedLoss
from tests.helpers.loss_terms import Constant, output

WEIGHTS = {"label": 2.0, "image": 10.0, "text": 0.0, "kl": 0.5}


def terms() -> dict[str, torch.nn.Module]:
    return {"label": Constant(3.0), "image": Constant(0.2), "text": Constant(1.0)}


def test_it_starts_at_the_weights_given_and_is_the_papers_formula_thereafter() -> None:
    loss = UncertaintyWeightedLoss(terms(), WEIGHTS)
    by_hand = WeightedLoss(terms(), WEIGHTS)(output(kl=4.0), None)["loss"]
    half = sum(s / 2 for s in loss.log_variance.values())
    torch.testing.assert_close(loss(output(kl=4.0), None)["loss"], by_hand + half)
    with torch.no_grad():
        loss.log_variance["label"].fill_(1.5)
        loss.log_variance["image"].fill_(-0.5)
    expected = 3.0 * torch.tensor(-1.5).exp() + 0.2 * torch.tensor(0.5).exp() + (1.5 - 0.5) / 2 + 0.5 * 4.0
    torch.testing.assert_close(loss(output(kl=4.0), None)["loss"], expected)


def test_the_weight_that_it_settles_at_is_half_of_one_over_the_term() -> None:
    """The minimum over s of exp(-s) L + s / 2."""
    loss = UncertaintyWeightedLoss({"label": Constant(3.0)}, {"label": 2.0})
    optimizer = torch.optim.SGD(loss.log_variance.parameters(), 0.5)
    for _ in range(200):
        optimizer.zero_grad()
        loss(output(), None)["loss"].backward()
        optimizer.step()
    assert float(loss(output(), None)["weight_label"]) == pytest.approx(1 / (2 * 3.0), rel=1e-3)


def test_in_evaluation_the_loss_is_the_sum_by_hand() -> None:
    loss = UncertaintyWeightedLoss(terms(), WEIGHTS).eval()
    with torch.no_grad():
        loss.log_variance["label"].fill_(1.5)
    assert loss(output(kl=4.0), None)["loss"] == WeightedLoss(terms(), WEIGHTS)(output(kl=4.0), None)["loss"]


def test_a_term_without_weight_stays_without() -> None:
    loss = UncertaintyWeightedLoss(terms(), WEIGHTS)
    assert set(loss.log_variance) == {"label", "image"}
    assert "text" not in loss(output(), None)
