"""What every combination of parts owes: each contract once, for the tests of options and of pairs."""

from copy import deepcopy
from dataclasses import replace

import torch
from omegaconf import DictConfig

from multimodal.model import MultimodalModel
from multimodal.runs.build import build_loss, build_model
from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import MODALITIES, PAD, Batch
from tests.helpers.toy import options

CLOSE = {"atol": 1e-5, "rtol": 1e-4}
FUSIONS = options("fusion")
GROUPS = ("encoder/image", "encoder/text", "missing", "fusion", "head/image", "head/text", "loss")
CHOICES = [(group, option) for group in GROUPS for option in options(group)]


def build(config, *overrides: str) -> tuple[MultimodalModel, DictConfig]:
    """A model of these options, from scratch."""
    cfg = config(*overrides)
    if "weights" in cfg.encoder.image:
        cfg = config(*overrides, "encoder.image.weights=none")
    torch.manual_seed(0)
    return build_model(cfg), cfg


def masked(batch: Batch, modality: str) -> Batch:
    """The second and fifth sample lose a modality."""
    present = torch.ones(6, dtype=torch.bool)
    present[[1, 4]] = False
    return batch.with_present(**{modality: present})


def changed(batch: Batch, modality: str) -> Batch:
    """Other content where `masked` hides it."""
    if modality == "image":
        image = batch.image.clone()
        image[[1, 4]] = torch.rand(2, 1, 28, 28)
        return replace(batch, image=image)
    tokens = batch.tokens.clone()
    tokens[[1, 4]] = tokens[[5, 0]]
    return replace(batch, tokens=tokens)


def said(model: MultimodalModel, batch: Batch) -> dict[str, torch.Tensor]:
    """All that does not follow from the caption by teacher forcing."""
    torch.manual_seed(1)
    fused = model.fuse(model.encode(batch))
    drawn = {"image": model.draw(fused.z)} if "image" in model.heads else {}
    return {"z": fused.z, "label": model.classify(fused)} | drawn


def one(batch: Batch, i: int) -> Batch:
    """The i-th sample as a batch of one."""
    row = slice(i, i + 1)
    present = {m: p[row] for m, p in batch.present.items()}
    return Batch(batch.image[row], batch.tokens[row], batch.label[row], batch.content[row], present, batch.index[row])


@torch.no_grad()
def masked_content_changes_no_output_bit(model: MultimodalModel, batch: Batch) -> None:
    """In training, where batch statistics are, and in evaluation."""
    for train in (True, False):
        for modality in MODALITIES:
            versions = (batch, changed(batch, modality))  # to a copy each: statistics move in training
            before, after = (said(deepcopy(model).train(train), masked(b, modality)) for b in versions)
            for name, value in before.items():
                assert torch.equal(value, after[name]), f"{name} sees a masked {modality}, training {train}"


@torch.no_grad()
def hiding_after_encoding_equals_hiding_before(model: MultimodalModel, batch: Batch) -> None:
    """So one encoding serves every condition of an evaluation."""
    absent = torch.zeros(6, dtype=torch.bool)
    before = model.fuse(model.encode(batch.with_present(text=absent))).z
    assert torch.equal(before, model.fuse(model.encode(batch), text=absent).z)


@torch.no_grad()
def samples_do_not_mix_and_padding_does_not_matter(model: MultimodalModel, batch: Batch) -> None:
    """In evaluation: alone, in a batch, and beside longer captions a sample gets the same."""
    longer = replace(batch, tokens=torch.nn.functional.pad(batch.tokens, (0, 5), value=PAD))
    together, padded = said(model, batch), said(model, longer)
    alone = [said(model, one(batch, i)) for i in (0, 3, 5)]
    for name, value in together.items():
        torch.testing.assert_close(
            value, padded[name], atol=1e-5, rtol=1e-4, msg=lambda m, n=name: f"padding: {n}: {m}"
        )
        for i, single in zip((0, 3, 5), alone, strict=True):
            torch.testing.assert_close(
                value[i : i + 1], single[name], atol=1e-5, rtol=1e-4, msg=lambda m: f"mixed: {m}"
            )


def every_present_modality_is_learned_from(model: MultimodalModel, loss: torch.nn.Module, batch: Batch) -> None:
    """Encoders that the fusion reads, and heads that have something to say, get a gradient."""
    step = TrainingStep(model.train(), loss)
    step(ExactBatch(batch))["loss"].backward()
    for name in model.fusion.modalities:
        grads = [p.grad.abs().max() for p in model.encoders[name].parameters() if p.grad is not None]
        assert max(grads) > 1e-4, f"the {name} encoder is not learned from"
    decides = model.fuse(model.encode(batch)).logits is not None  # then the label head has nothing to learn
    for name, head in model.heads.items():
        if not (decides and name == "label"):
            assert max(p.grad.abs().max() for p in head.parameters()) > 1e-4, f"the {name} head learns nothing"


def an_absent_modality_gets_no_gradient(model: MultimodalModel, batch: Batch) -> None:
    """From the joint representation, whichever is absent."""
    for modality in MODALITIES:
        model.zero_grad()
        absent = batch.with_present(**{modality: torch.zeros(6, dtype=torch.bool)})
        model.fuse(model.encode(absent)).z.square().sum().backward()
        grads = [p.grad for p in model.encoders[modality].parameters() if p.grad is not None]
        assert all(not grad.any() for grad in grads), f"an absent {modality} gets a gradient"


def a_batch_of_one_is_a_step(model: MultimodalModel, loss: torch.nn.Module, batch: Batch) -> None:
    """The last batch of a split may have one sample."""
    step = TrainingStep(model.train(), loss)
    step.zero_grad()
    value = step(ExactBatch(one(batch, 0)))["loss"]
    value.backward()
    assert value.isfinite()
    assert all(p.grad.isfinite().all() for p in step.parameters() if p.grad is not None)


@torch.no_grad()
def weights_are_all_there_is(model: MultimodalModel, other: MultimodalModel, batch: Batch) -> None:
    """What a checkpoint keeps makes any model of these parts the same."""
    for parameter in other.parameters():
        torch.nn.init.zeros_(parameter)
    other.load_state_dict(model.state_dict())
    assert torch.equal(said(model.eval(), batch)["z"], said(other.eval(), batch)["z"])


def keeps_every_contract(config, batch: Batch, *overrides: str) -> None:
    """All of the above for one combination of options."""
    model, cfg = build(config, *overrides)
    loss = build_loss(cfg)
    masked_content_changes_no_output_bit(model, batch)
    model.eval()
    hiding_after_encoding_equals_hiding_before(model, batch)
    samples_do_not_mix_and_padding_does_not_matter(model, batch)
    weights_are_all_there_is(model, build(config, *overrides)[0], batch)
    an_absent_modality_gets_no_gradient(model.train(), batch)
    model.zero_grad()
    every_present_modality_is_learned_from(model, loss, batch)
    a_batch_of_one_is_a_step(model, loss, batch)
