"""training.precision=bf16-true: every part computes with weights in bf16, the losses and what is left in float32."""

from dataclasses import replace

import pytest
import torch

from multimodal.encoder.backbone import KEPT, Backbone, PretrainedEncoder
from multimodal.runs.build import build_loss, build_model
from multimodal.training.checkpoint_file import load_checkpoint
from multimodal.training.precision import BFloat16Weights
from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import Batch
from tests.helpers.tiny_training import fit, same, timeless
from tests.helpers.toy import composed, needs_bf16, options

GROUPS = ("encoder/image", "encoder/text", "missing", "fusion", "head/image", "head/text", "loss")
pytestmark = needs_bf16


@pytest.mark.parametrize("option", [f"{group}={name}" for group in GROUPS for name in options(group)])
def test_every_part_learns_in_bf16(option: str, batch: Batch) -> None:
    torchvision = option.removeprefix("encoder/image=") in ("torchvision", "resnet18", "resnet50")
    config = composed(option, *(["encoder.image.weights=none"] if torchvision else []))
    torch.manual_seed(0)
    model = build_model(config)
    subwords = model.tokenize(["a red cat"] * 6)
    batch = replace(batch, subwords=None if subwords is None else subwords.long())
    features = {  # of frozen encoders, as they are computed before a training
        name: encoder.features(batch.inputs[name]).to(KEPT)
        for name, encoder in model.encoders.items()
        if isinstance(encoder, PretrainedEncoder) and encoder.backbone.frozen
    }
    batch = replace(batch, features=features).with_present(image=torch.arange(6) != 2, text=torch.arange(6) != 4)
    plugin = BFloat16Weights()
    step = plugin.convert_module(TrainingStep(model, build_loss(config)))
    with plugin.forward_context():
        terms = step(ExactBatch(batch))
    terms["loss"].backward()
    assert {value.dtype for value in terms.values()} == {torch.float32}
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in step.loss.parameters()} <= {torch.float32}
    for name, encoder in model.encoders.items():
        grads = [p.grad.abs().max() for p in encoder.parameters() if p.grad is not None]
        assert name not in model.fusion.modalities or max(grads) > 1e-4


def test_a_training_learns_resumes_and_leaves_float32(tmp_path) -> None:
    history, model, _ = fit(tmp_path, precision="bf16-true", steps=30)
    assert history[-1]["train/loss"] < history[0]["train/loss"]
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    best, last = (load_checkpoint(tmp_path / name)["model"] for name in ("best.pt", "last.pt"))
    assert {value.dtype for value in last.values() if value.is_floating_point()} == {torch.bfloat16}
    assert {value.dtype for value in best.values() if value.is_floating_point()} == {torch.float32}
    again, other, _ = fit(tmp_path, precision="bf16-true", steps=30, resume=True)
    assert timeless(again) == timeless(history)
    assert same(other.state_dict(), model.state_dict())


def test_a_frozen_network_keeps_the_type_that_its_features_were_computed_in() -> None:
    backbone = Backbone(torch.nn.Linear(2, 2), frozen=True, source="")
    model = torch.nn.Sequential(backbone, torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    BFloat16Weights().convert_module(torch.nn.ModuleDict({"model": model}))
    assert backbone.network.weight.dtype is torch.float32
    assert {model[1].weight.dtype, model[2].running_mean.dtype} == {torch.bfloat16}
    assert model[2].num_batches_tracked.dtype is torch.int64


def test_an_average_in_bf16_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"bf16-true needs training\.ema_decay=null, got 0\.9"):
        fit(tmp_path, precision="bf16-true", ema_decay=0.9)
