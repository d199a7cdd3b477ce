"""A batch in parts has the gradient of the whole batch, whatever the loss compares."""

import pytest
import torch
from torch import nn

from multimodal.missing.mean import Mean
from multimodal.training.accumulation import backward_in_parts
from multimodal.training.device import make_fabric
from multimodal.training.trainer import Trainer
from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import join_outputs
from tests.helpers.tiny_training import DATA, SETTINGS, build, same

PRESENT = {"image": torch.arange(10) != 3, "text": torch.arange(10) % 4 != 0}


@pytest.fixture
def parts():
    """Fabric, a set up training step, and a batch of captions of several lengths, some inputs of it missing."""
    model, loss = build()
    model.missing = Mean(8, ["image", "text"], 0.5)
    fabric = make_fabric("cpu", 1, "32-true")
    return (
        fabric,
        fabric.setup_module(TrainingStep(model, loss)),
        DATA.splits["train"].batch(torch.arange(10), torch.device("cpu")).with_present(**PRESENT),
    )


def gradients(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


def without_dropout(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0


@pytest.mark.parametrize("count", [2, 3, 10])
def test_the_gradient_is_that_of_the_whole_batch(parts, count: int) -> None:
    """Contrast, a learned temperature and means over words included; three parts of ten samples differ in size."""
    fabric, module, batch = parts
    without_dropout(module)
    module.model.missing = Mean(8, ["image", "text"], 1e-9)  # which reads the parts one after another, see below
    whole = module(ExactBatch(batch))
    whole["loss"].backward()
    expected = gradients(module)
    assert expected["_forward_module.loss.terms.contrastive.logit_scale"].abs() > 1e-3
    module.zero_grad()
    terms = backward_in_parts(fabric, module, batch, count)
    for name, value in whole.items():
        torch.testing.assert_close(terms[name], value)
    torch.testing.assert_close(gradients(module), expected, atol=1e-6, rtol=1e-4)


def test_dropout_and_statistics_are_the_same_in_both_passes(parts) -> None:
    """As if all parts had been computed with gradients, one after another."""
    fabric, module, batch = parts
    other = build()[0]
    other.missing = Mean(8, ["image", "text"], 0.5)
    torch.manual_seed(7)
    outputs = [other(batch.rows(rows)) for rows in torch.arange(10).split(5)]
    module.loss(join_outputs(outputs), batch)["loss"].backward()
    torch.manual_seed(7)
    backward_in_parts(fabric, module, batch, 2)
    torch.testing.assert_close(gradients(module.model), gradients(other))
    assert same(module.model.missing.state_dict(), other.missing.state_dict())
    assert other.missing.pooled_image.abs().max() > 1e-3


def test_parts_of_a_model_without_heads_that_generate(parts) -> None:
    fabric, module, batch = parts
    without_dropout(module)
    for name in ("image", "text"):
        del module.model.heads[name]
    del module.loss.terms["image"], module.loss.terms["text"]
    terms = backward_in_parts(fabric, module, batch, 2)
    assert terms["loss"].isfinite()
    assert not {"image", "text"} & set(terms)
    assert all(g.isfinite().all() for g in gradients(module).values())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"accumulation": 0}, r"training\.accumulation must be a whole number of 1 or more, got 0"),
        ({"accumulation": 9}, r"training\.accumulation=9 parts need as many samples, but a batch has 8"),
        ({"accumulation": 2, "compile": True}, r"training\.compile=true needs training\.accumulation=1, got 2"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Trainer(**SETTINGS | changed).fit(*build(), DATA, tmp_path, 0, lambda row: None, {})
