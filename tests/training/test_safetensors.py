"""A checkpoint to hand on, of safetensors: as it was saved, and what is damaged or foreign refused in one line."""

import json
from pathlib import Path

import pytest
import torch

from multimodal.training.checkpoint_file import load_checkpoint, save_safetensors

pytest.importorskip("safetensors", reason="needs pip install -e '.[export]'")
STATE = {
    "record": {"config": {"seed": 0, "lr": 1e-3, "path": None}},
    "vocabulary": ["<pad>", "猫"],
    "class_names": ["a"],
}


@pytest.fixture
def state() -> dict:
    """Weights of several types, two of which share their memory."""
    shared = torch.arange(6.0).view(2, 3)
    model = {"a": shared, "b": shared.T, "half": torch.ones(2, dtype=torch.bfloat16), "count": torch.tensor(3)}
    return STATE | {"model": model | {"mask": torch.tensor([True, False]), "none": torch.empty(0, 2)}}


def test_what_is_saved_is_loaded(tmp_path: Path, state: dict) -> None:
    save_safetensors(state, tmp_path / "m.safetensors")
    loaded = load_checkpoint(tmp_path / "m.safetensors")
    torch.testing.assert_close(loaded.pop("model"), state["model"], rtol=0, atol=0)
    assert loaded == STATE


@pytest.mark.parametrize("place", [0.02, 0.5, -1])
def test_a_damaged_file_is_refused(tmp_path: Path, state: dict, place: float) -> None:
    file = tmp_path / "m.safetensors"
    save_safetensors(state, file)
    content = bytearray(file.read_bytes())
    content[-1 if place == -1 else int(place * len(content))] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"m.safetensors is not a readable checkpoint \(|is not a checkpoint of"):
        load_checkpoint(file)


def test_what_is_no_whole_checkpoint_is_refused(tmp_path: Path, state: dict) -> None:
    from safetensors.torch import save_file

    file = tmp_path / "m.safetensors"
    save_safetensors(state, file)
    whole = file.read_bytes()
    for content in (b"", b"no", whole[:-1], whole[: len(whole) // 2], b"\xff" * 100, whole + b"x"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="is not a readable checkpoint"):
            load_checkpoint(file)
    save_file({"a": torch.ones(1)}, file)  # of another program
    with pytest.raises(ValueError, match="was not written by mode=export"):
        load_checkpoint(file)
    save_file({"a": torch.ones(1)}, file, {"record": "[" * 100_000})
    with pytest.raises(ValueError, match="is not a readable checkpoint"):
        load_checkpoint(file)


def test_a_value_that_is_not_of_json_is_refused(tmp_path: Path, state: dict) -> None:
    with pytest.raises(ValueError, match="JSON"):
        save_safetensors(state | {"record": {"lr": float("nan")}}, tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())
    assert json.dumps(STATE)
