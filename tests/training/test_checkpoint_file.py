import pickle

import pytest
import torch

from multimodal.training.checkpoint_file import load_checkpoint, save_checkpoint

STATE = {
    "model": {"weight": torch.arange(6.0).view(2, 3), "count": torch.tensor(3)},
    "record": {"dim": 16, "modalities": ["image", "text"], "path": None, "rate": 0.3},
    "vocabulary": ["<pad>", "<unk>", "<bos>", "<eos>", "café", "🐱"],
    "step": 7,
}


@pytest.fixture
def file(tmp_path):
    """A checkpoint on disk."""
    save_checkpoint(STATE, tmp_path / "best.pt")
    return tmp_path / "best.pt"


def test_what_is_saved_is_what_is_loaded_with_weights_only(file):
    assert torch.load(file, weights_only=True)["record"] == STATE["record"]
    state = load_checkpoint(file)
    torch.testing.assert_close(state.pop("model"), STATE["model"], rtol=0, atol=0)
    assert state == {name: value for name, value in STATE.items() if name != "model"}
    assert [entry.name for entry in file.parent.iterdir()] == ["best.pt"]  # nothing temporary is left


def test_a_file_cut_off_anywhere_is_refused_by_name(file):
    whole = file.read_bytes()
    for length in range(0, len(whole), 61):
        file.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"best\.pt is not a readable checkpoint"):
            load_checkpoint(file)


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"{}",
        b"\x80\x02random",
        b"\x89PNG\r\n\x1a\n",
        b"version https://git-lfs",
        pickle.dumps({"model": 1}),
    ],
)
def test_a_foreign_file_is_refused_by_name(tmp_path, content):
    (tmp_path / "best.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"best\.pt is not a"):
        load_checkpoint(tmp_path / "best.pt")


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"model": 1, "record": print, "vocabulary": []}, tmp_path / "best.pt")
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        load_checkpoint(tmp_path / "best.pt")


@pytest.mark.parametrize("state", [{"model": {}, "record": {}}, {"weight": torch.zeros(2)}, [1, 2], torch.zeros(2)])
def test_somebody_elses_weights_are_refused(tmp_path, state):
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="it has no model, record and vocabulary"):
        load_checkpoint(tmp_path / "other.pt")


@pytest.mark.parametrize("name", ["missing.pt", "."])
def test_no_file_is_a_clear_error(tmp_path, name):
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        load_checkpoint(tmp_path / name)


def test_an_interrupted_write_leaves_the_file_that_was_there(file, monkeypatch):
    before = file.read_bytes()

    def interrupted(state, path):
        path.write_bytes(before[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(STATE | {"step": 8}, file)
    assert file.read_bytes() == before
    assert load_checkpoint(file)["step"] == 7
