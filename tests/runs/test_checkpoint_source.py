"""Checkpoints from elsewhere: what is downloaded once, and what is said where that is impossible."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import wandb

from multimodal.runs import wandb_api
from multimodal.runs.checkpoint_source import local_checkpoint
from multimodal.runs.wandb_api import reachable_mode

NAME = "wandb:lab/project/model"


class Server:
    """Stands for W&B's client; it has one artifact, with these files."""

    def __init__(self, *files: str) -> None:
        self.files, self.asked, self.downloads = files, [], 0

    def artifact(self, name: str) -> SimpleNamespace:
        self.asked.append(name)
        if not name.startswith("lab/project/model:"):
            raise ValueError(f"artifact '{name}' not found\nin lab/project")
        return SimpleNamespace(version="v3", download=self.download)

    def download(self, root: str, skip_cache: bool) -> None:
        self.downloads += 1
        Path(root).mkdir(parents=True)
        for file in self.files:
            (Path(root) / file).write_text("weights")


@pytest.fixture
def server(monkeypatch) -> Server:
    server = Server("best.pt")
    monkeypatch.setattr(wandb_api, "reachable_mode", lambda: ("online", None))
    monkeypatch.setattr(wandb, "Api", lambda timeout: server)
    return server


def test_a_path_is_itself(tmp_path) -> None:
    assert local_checkpoint(str(tmp_path / "run"), "cache") == tmp_path / "run"
    assert local_checkpoint("runs/a:b", "cache") == Path("runs/a:b")


def test_a_place_that_is_not_known_is_named_with_those_that_are(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"checkpoint=hf:lab/model is no file that exists, .* neither wandb: nor hub:"):
        local_checkpoint("hf:lab/model", "cache")
    Path("a:b").touch()
    assert local_checkpoint("a:b", "cache") == Path("a:b")


def test_an_artifact_is_downloaded_once_into_a_folder_of_its_version(tmp_path, server) -> None:
    for alias in (":best", ":v3", ""):
        file = local_checkpoint(NAME + alias, str(tmp_path))
        assert file == tmp_path / "checkpoints" / "wandb" / "lab" / "project" / "model" / "v3" / "best.pt"
        assert file.read_text() == "weights"
    assert server.asked == [f"lab/project/model:{alias}" for alias in ("best", "v3", "best")]
    assert server.downloads == 1


def test_a_download_that_fails_leaves_nothing(tmp_path, server, monkeypatch) -> None:
    def fails(root: str, skip_cache: bool) -> None:
        Path(root).mkdir(parents=True)
        raise OSError("connection lost")

    monkeypatch.setattr(server, "download", fails)
    with pytest.raises(ValueError, match="cannot be downloaded from W&B: connection lost"):
        local_checkpoint(NAME, str(tmp_path))
    assert not [path for path in tmp_path.rglob("*") if not path.is_dir()]
    assert not list(tmp_path.rglob("*v3*"))


@pytest.mark.parametrize("name", ["wandb:model", "wandb:lab/project", "wandb:lab/../model", "wandb:a/b/c/d:best"])
def test_a_name_of_another_form_is_refused(tmp_path, server, name: str) -> None:
    with pytest.raises(ValueError, match=r"must be wandb:<entity>/<project>/<model>:"):
        local_checkpoint(name, str(tmp_path))


def test_an_artifact_that_is_not_there_is_named_in_a_line(tmp_path, server) -> None:
    with pytest.raises(ValueError, match=r"^checkpoint=wandb:lab/project/other:best .* not found in lab/project$"):
        local_checkpoint("wandb:lab/project/other:best", str(tmp_path))


def test_an_artifact_without_a_checkpoint_is_refused(tmp_path, server) -> None:
    server.files = ("data_card.json",)
    with pytest.raises(ValueError, match="holds 0 checkpoints"):
        local_checkpoint(NAME, str(tmp_path))


def test_without_wandb_it_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "multimodal.runs.wandb_api", None)
    with pytest.raises(ValueError, match="needs wandb: pip install wandb"):
        local_checkpoint(NAME, str(tmp_path))


@pytest.mark.parametrize(
    ("answers", "message"),
    [(False, "cannot be: server out of reach; check the network"), (True, "no API key; `wandb login` stores one")],
)
def test_without_network_or_login_it_says_so_at_once(tmp_path, monkeypatch, answers: bool, message: str) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setattr(wandb_api, "answers", lambda url, timeout: answers)
    monkeypatch.setattr(wandb_api, "has_netrc_key", lambda: False)
    monkeypatch.setattr(wandb, "setup", lambda: SimpleNamespace(settings=SimpleNamespace(base_url="", api_key=None)))
    reachable_mode.cache_clear()
    with pytest.raises(ValueError, match=message):
        local_checkpoint(NAME, str(tmp_path))
    reachable_mode.cache_clear()
