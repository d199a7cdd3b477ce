"""The sum of the terms, and names that do not fit."""

from dataclasses import replace

import pytest
from torch import Tensor, nn

from multimodal.loss.weighted import WeightedLoss
from multimodal.types import Output
from tests.helpers.loss_terms import Constant, output


def test_the_loss_is_the_weighted_sum_and_terms_stay_unweighted() -> None:
    loss = WeightedLoss({"label": Constant(2.0), "image": Constant(3.0)}, {"label": 1.0, "image": 10.0})
    values = {name: value.item() for name, value in loss(output(), None).items()}
    assert values == {"label": 2.0, "image": 3.0, "loss": 32.0}


def test_a_term_of_the_fusion_is_weighed_as_well() -> None:
    loss = WeightedLoss({"label": Constant(2.0)}, {"label": 1.0, "kl": 0.5})
    values = {name: value.item() for name, value in loss(output(kl=4.0), None).items()}
    assert values == {"label": 2.0, "kl": 4.0, "loss": 4.0}
    assert set(loss(output(), None)) == {"label", "loss"}  # a weight may wait for a fusion that adds the term


def test_a_term_with_weight_zero_is_not_computed_and_has_no_weights_to_train() -> None:
    terms = {"label": nn.Identity(), "image": Constant(3.0)}  # the first fails when it is called
    loss = WeightedLoss(terms, {"label": 0.0, "image": 1.0})
    assert {name: value.item() for name, value in loss(output(), None).items()} == {"image": 3.0, "loss": 3.0}
    assert len(list(loss.parameters())) == 1


def test_weights_that_are_all_zero_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"loss\.weights must be above 0 for one or more of label, image, got 0 for all"
    ):
        WeightedLoss({"label": Constant(2.0), "image": Constant(1.0)}, {"label": 0.0, "image": 0.0, "kl": 1.0})


class Sharpness(nn.Module):
    """A term of a user, who does not say which head it reads."""

    def forward(self, output: Output, batch: None) -> Tensor:
        return output.image.std()


def test_a_term_that_reads_an_absent_head_without_saying_so_is_named() -> None:
    loss = WeightedLoss({"sharpness": Sharpness()}, {"sharpness": 1.0})
    with pytest.raises(
        ValueError, match=r"loss\.terms\.sharpness failed .*no image head.* states head = \"image\", it is"
    ):
        loss(replace(output(), image=None), None)
    with pytest.raises(TypeError):  # not for want of a head
        WeightedLoss({"label": nn.Identity()}, {"label": 1.0})(output(), None)


def test_an_unknown_term_is_named() -> None:
    with pytest.raises(ValueError, match=r"loss terms without a weight: \['extra'\]; set loss\.weights\.<name>"):
        WeightedLoss({"label": Constant(2.0), "extra": Constant(1.0)}, {"label": 1.0})
    loss = WeightedLoss({"label": Constant(2.0)}, {"label": 1.0})
    with pytest.raises(ValueError, match=r"loss terms without a weight: \['kl'\]"):
        loss(output(kl=1.0), None)


def test_a_loss_without_terms_is_refused() -> None:
    with pytest.raises(ValueError, match=r"loss\.terms must have an entry or more"):
        WeightedLoss({}, {"label": 1.0})


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match=r"loss\.weights\.image must be a number, 0 or more, got -1\.0"):
        WeightedLoss({"label": Constant(2.0)}, {"label": 1.0, "image": -1.0})


def test_terms_with_parameters_are_handed_to_the_optimizer() -> None:
    assert len(list(WeightedLoss({"label": Constant(2.0)}, {"label": 1.0}).parameters())) == 1


def test_an_auxiliary_loss_may_not_have_the_name_of_a_term() -> None:
    loss = WeightedLoss({"label": Constant(2.0)}, {"label": 1.0})
    with pytest.raises(ValueError, match=r"names of loss terms: \['label'\]"):
        loss(output(label=7.0), None)
