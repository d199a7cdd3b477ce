"""torch.compile of model and loss: one graph for every option, and the same answers as without it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from multimodal.model import encode_all, encode_present
from multimodal.runs.build import build_loss
from multimodal.training.checkpoint_file import load_checkpoint
from multimodal.training.compilation import CompiledTrainingStep, check_compiler
from multimodal.training.trainer import Trainer
from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import MODALITIES, Encoded
from tests.helpers import tiny_training
from tests.helpers.contracts import CHOICES, CLOSE, build, changed, masked
from tests.helpers.toy import needs_bf16, options

PRESENT = {"image": torch.tensor([True] * 4 + [False, True]), "text": torch.tensor([False, True, False] + [True] * 3)}


LENGTH = 8  # of the longest caption


def training_step(config, *overrides: str) -> CompiledTrainingStep:
    """A model of these options with its loss."""
    model, cfg = build(config, *overrides)
    return CompiledTrainingStep(model, build_loss(cfg), LENGTH)


@pytest.fixture
def counter(monkeypatch) -> CompileCounterWithBackend:
    """Counts the graphs that torch.compile makes; no code is generated."""
    torch.compiler.reset()
    counter = CompileCounterWithBackend("eager")
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=counter))
    return counter


@pytest.mark.parametrize(("group", "option"), CHOICES, ids=[f"{g}={o}" for g, o in CHOICES])
@pytest.mark.slow
def test_a_step_is_one_graph(config, batch, counter, group: str, option: str) -> None:
    step = training_step(config, f"{group}={option}")
    terms = step(ExactBatch(batch.with_present(**PRESENT)))
    assert counter.frame_count == 1
    terms["loss"].backward()
    gradients = [p.grad for p in step.parameters() if p.grad is not None]
    assert gradients
    assert all(g.isfinite().all() for g in gradients)


def test_the_default_step_is_one_graph_with_the_loss_and_gradients_of_eager(config, batch, counter) -> None:
    batch = batch.with_present(**PRESENT)
    step = training_step(config, "encoder.text.dropout=0", "head.text.dropout=0", "head.label.dropout=0")
    eager = TrainingStep(deepcopy(step.model), deepcopy(step.loss))
    terms, expected = step(ExactBatch(batch)), eager(ExactBatch(batch))
    assert counter.frame_count == 1
    shorter = replace(batch, tokens=batch.tokens[:, :7], present=batch.present)
    step(ExactBatch(shorter))
    assert counter.frame_count == 1  # a caption of another length is padded
    terms["loss"].backward()
    expected["loss"].backward()
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, **CLOSE)
    for (name, p), q in zip(step.named_parameters(), eager.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, msg=name, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("modality", [*MODALITIES])
def test_a_whole_batch_is_encoded_like_the_present_inputs_alone(config, batch, modality: str) -> None:
    for option in options(f"encoder/{modality}"):
        model, _ = build(config, f"encoder/{modality}={option}")
        encoder, x = model.eval().encoders[modality], batch.inputs[modality]
        present = PRESENT[modality]
        all_at_once, alone = encode_all(encoder, x, present), encode_present(encoder, x, present)
        torch.testing.assert_close(all_at_once.pooled, alone.pooled, **CLOSE)
        torch.testing.assert_close(all_at_once.tokens, alone.tokens, **CLOSE)
        assert torch.equal(all_at_once.token_mask, alone.token_mask)
        assert (encode_all(encoder, x, torch.zeros_like(present)).pooled == 0).all()


@torch.no_grad()
@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("modality", [*MODALITIES])
def test_masked_content_changes_no_bit_of_a_whole_batch(config, batch, modality: str, train: bool) -> None:
    present = masked(batch, modality).present[modality]
    for option in options(f"encoder/{modality}"):
        model, _ = build(config, f"encoder/{modality}={option}")
        encoder, found = model.encoders[modality].train(train), []
        for version in (batch, changed(batch, modality)):
            torch.manual_seed(1)  # dropout
            found.append(encode_all(deepcopy(encoder), version.inputs[modality], present))
        assert torch.equal(found[0].pooled, found[1].pooled), option
        assert torch.equal(found[0].tokens, found[1].tokens), option


def test_batch_statistics_are_of_present_inputs_and_not_of_blanks() -> None:
    """Absent rows are the present row before them, or the first present one."""
    seen: list[torch.Tensor] = []

    class Encoder(torch.nn.BatchNorm2d):
        def forward(self, x: torch.Tensor, present: torch.Tensor) -> Encoded:
            seen.append(x.flatten(1)[:, 0])
            tokens = super().forward(x).flatten(2)
            return Encoded(tokens.mean(2), tokens, torch.ones(tokens.shape[:2], dtype=torch.bool), present)

    x = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 2, 2)
    present = torch.tensor([False, True, False, False, True, False])
    encode_all(Encoder(1), x, present)
    encode_all(Encoder(1).eval(), x, present)
    assert [rows.tolist() for rows in seen] == [[1, 1, 1, 1, 4, 4], [0, 1, 0, 0, 4, 0]]


def test_a_missing_compiler_is_an_error(monkeypatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    check_compiler("cuda")
    with pytest.raises(ValueError, match=r"training\.compile=true needs a C\+\+ compiler, but there is no no-such"):
        check_compiler("cpu")


def test_several_devices_are_refused() -> None:
    for settings in ({"devices": 2}, {"num_nodes": 2}):
        with pytest.raises(ValueError, match=r"training\.compile=true needs one process, got .*=2[ ;]"):
            Trainer(**tiny_training.SETTINGS | {"compile": True} | settings)


@pytest.mark.parametrize("precision", ["32-true", pytest.param("bf16-mixed", marks=needs_bf16)])
@pytest.mark.slow
def test_a_compiled_training_resumes_bit_for_bit(tmp_path: Path, counter, precision: str) -> None:
    """Cut before its second validation is saved, it resumes and ends in the weights of a training that was not cut."""

    def cut(row: dict[str, float]) -> None:
        if row["step"] == 8:
            raise InterruptedError

    def fit(folder: Path, log: Callable[[dict[str, float]], None]) -> None:
        model, loss = tiny_training.build()
        trainer = Trainer(**tiny_training.SETTINGS | {"precision": precision, "compile": True})
        trainer.fit(model, loss, tiny_training.DATA, folder, 0, log, tiny_training.EXTRA, resume=True)

    folders = [tmp_path / "whole", tmp_path / "cut"]
    for folder in folders:
        folder.mkdir()
    with pytest.raises(InterruptedError):
        fit(folders[1], cut)
    for folder in folders:
        fit(folder, lambda row: None)
    whole, resumed = (load_checkpoint(folder / "last.pt")["model"] for folder in folders)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
