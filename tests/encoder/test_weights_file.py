"""Weights in both formats; damaged files of torch.save are tests/encoder/image/test_resnet.py's."""

from pathlib import Path

import pytest
import torch

from multimodal.encoder.weights_file import read_weights_file

STATE = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(2)}


def test_both_formats_hold_the_same(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file(STATE, tmp_path / "a.safetensors")
    torch.save(STATE, tmp_path / "a.pt")
    for name in ("a.safetensors", "a.pt"):
        read = read_weights_file(str(tmp_path / name))
        assert read.keys() == STATE.keys()
        assert all(torch.equal(read[key], value) for key, value in STATE.items())


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no weights")
    with pytest.raises(ValueError, match=r"cannot read .* as a state dict"):
        read_weights_file(str(tmp_path / name))
