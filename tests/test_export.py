"""A trained model as files: what they answer is what the model answers, for any number of samples."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import multimodal
from multimodal.export import (
    INPUTS,
    NEEDED,
    ExportedModel,
    export_program,
    onnx_bytes,
    output_names,
)
from multimodal.types import PAD
from tests.helpers.command import command, train_only
from tests.helpers.contracts import CHOICES, build
from tests.helpers.toy import SIZES

MODEL = [(group, option) for group, option in CHOICES if group != "loss"]
needs_onnx = pytest.mark.skipif(
    any(find_spec(name) is None for name in (*NEEDED, "onnxruntime")),
    reason="onnx, onnxscript or onnxruntime is not installed: pip install -e '.[export]'",
)
CLOSE = {"atol": 1e-5, "rtol": 1e-4}  # float32 on both sides; the runtime fuses and orders its sums otherwise


def samples(count: int, sizes: dict[str, int]) -> tuple[torch.Tensor, ...]:
    """So many, each with an image, a caption, or both."""
    generator, side = torch.Generator().manual_seed(count), sizes["image_size"]
    image = torch.rand(count, sizes["channels"], side, side, generator=generator)
    tokens = torch.randint(4, sizes["vocab_size"], (count, sizes["max_length"]), generator=generator)
    tokens[0, 3:] = PAD
    return image, tokens, torch.arange(count) % 3 != 1, torch.arange(count) % 3 != 2


def run_onnx(content: bytes, inputs: tuple[torch.Tensor, ...], outputs: list[str]) -> list[torch.Tensor]:
    """The answers of onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    read = {i.name for i in session.get_inputs()}  # a control of one modality may read no other
    fed = {name: x.numpy() for name, x in zip(INPUTS, inputs, strict=True) if name in read}
    return [torch.from_numpy(np.asarray(x)) for x in session.run(outputs, fed)]


def check_answers(found: Any, expected: tuple[torch.Tensor, ...], outputs: list[str], what: str) -> None:
    """Equal within round-off; captions word for word, the model's padded to the longest of its batch only."""
    for name, x, y in zip(outputs, found, expected, strict=True):
        if name == "caption":
            length = y.shape[1]
            assert torch.equal(x[:, :length], y), what
            assert (x[:, length:] == PAD).all(), what
        else:
            torch.testing.assert_close(x, y, msg=lambda text, n=name: f"{what}, {n}: {text}", **CLOSE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@needs_onnx
@torch.no_grad()
@pytest.mark.slow
@pytest.mark.parametrize(("group", "option"), MODEL, ids=[f"{g}={o}" for g, o in MODEL])
def test_every_option_can_be_exported(config, group: str, option: str) -> None:
    model, _ = build(config, f"{group}={option}")
    program, outputs = export_program(model, SIZES), output_names(model)
    content, whole = onnx_bytes(program, outputs), ExportedModel(model).eval()
    for count in (1, 3, 7):
        inputs = samples(count, SIZES)
        expected = whole(*inputs)
        check_answers(program.module()(*inputs), expected, outputs, f"torch.export, {count} samples")
        check_answers(run_onnx(content, inputs, outputs), expected, outputs, f"onnxruntime, {count} samples")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where `out` is a tiny run, trained but not evaluated."""
    folder = tmp_path_factory.mktemp("export")
    train_only(folder, "fusion=concat", "output_dir=out")
    return folder


@needs_onnx
@torch.no_grad()
def test_the_files_of_a_run_answer_as_its_model(folder: Path, monkeypatch) -> None:
    from multimodal.runs.checkpoint import EXPORT_MAY_SET, load_model, open_checkpoint
    from multimodal.runs.composition import compose

    done = command(folder, "mode=export", "checkpoint=out")
    assert done.status == 0, done.stderr
    files = {name: f"out/exported/model.{name}" for name in ("pt2", "onnx", "json", "safetensors")}
    files["card"] = "out/exported/README.md"
    assert done.stdout.splitlines() == [f"{name}: {file}" for name, file in files.items()]
    assert len({(folder / file).stat().st_mode for file in files.values()}) == 1  # whoever reads one reads all
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match="of an exported model, mode=generate checkpoint=<its folder> predicts"):
        multimodal.load("out/exported")
    checkpoint = open_checkpoint(compose(["mode=export", "checkpoint=out"]), EXPORT_MAY_SET)
    sizes = dict(checkpoint.config.sizes)
    facts = json.loads((folder / "out/exported/model.json").read_text(encoding="utf-8"))
    assert facts["class_names"] == checkpoint.class_names
    assert facts["vocabulary"] == checkpoint.vocabulary.words
    assert facts["inputs"]["tokens"]["shape"] == ["batch", sizes["max_length"]]
    assert {name: value["dtype"] for name, value in facts["outputs"].items()} == {
        "probability": "float32",
        "drawing": "float32",
        "caption": "int64",
    }
    inputs = samples(5, sizes)
    expected = ExportedModel(load_model(checkpoint)).eval()(*inputs)
    outputs, exported = list(facts["outputs"]), folder / "out/exported"
    found = torch.export.load(exported / "model.pt2").module()(*inputs)
    check_answers(found, expected, outputs, "torch.export")
    found = run_onnx((exported / "model.onnx").read_bytes(), inputs, outputs)
    check_answers(found, expected, outputs, "onnxruntime")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "mode=export needs checkpoint=<a run's folder or file>"),
        (["checkpoint=nowhere"], "checkpoint: there is no nowhere"),
        (["checkpoint=out", "text=seven"], "mode=export takes the model from the checkpoint: text cannot be set"),
    ],
)
@needs_onnx
def test_bad_input_is_one_clear_error(folder: Path, arguments: list[str], message: str) -> None:
    done = command(folder, "mode=export", *arguments)
    assert done.status == 1
    assert "\nerror: " in f"\n{done.stderr}"
    assert message in done.stderr


def test_a_missing_extra_is_one_clear_error(folder: Path, monkeypatch) -> None:
    find = sys.modules["importlib.util"].find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "onnxscript" else find(name, *a))
    done = command(folder, "mode=export", "checkpoint=out")
    assert done.status == 1
    assert "error: mode=export needs " in done.stderr
    assert "onnxscript: pip install 'multimodal-suite[export]'" in done.stderr


@needs_onnx
def test_a_sweep_is_refused(folder: Path) -> None:
    done = command(folder, "-m", "mode=export", "checkpoint=out", "output_dir=swept", "tracking=disabled")
    assert done.status == 1
    assert "without -m" in done.stderr
