"""An exported model on a hub of this machine: uploaded, loaded again, and what can go wrong said in one line."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from multimodal.export import NEEDED
from multimodal.runs.checkpoint_source import is_remote, local_checkpoint
from tests.helpers.command import command, train_only
from tests.helpers.hub import serving
from tests.helpers.toy import ROOT

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in NEEDED), reason="needs pip install -e '.[export]'"
)
CLIENT = """
import json, os, sys, time, urllib.request
from pathlib import Path
import multimodal.run
from tests.helpers.command import command
from tests.runs.test_push import small_files
multimodal.run.write_exported = small_files
for fault, token, *words in json.loads(sys.argv[1]):
    urllib.request.urlopen(f"{os.environ['HF_ENDPOINT']}/fault/{fault}")
    os.environ["HF_TOKEN"] = token
    began = time.perf_counter()
    done = command(Path.cwd(), *words)
    print(json.dumps(vars(done) | {"seconds": time.perf_counter() - began}))
"""


def small_files(*arguments) -> dict[str, Path]:
    """In place of `write_exported`, which takes long, and which tests/test_export.py tests."""
    folder = arguments[-1]
    folder.mkdir(exist_ok=True, parents=True)
    files = {name: folder / f"model.{name}" for name in ("pt2", "onnx", "json")}
    for name, file in files.items():
        file.write_text(name)
    return files


EXPORT = ("mode=export", "checkpoint=out")
FROM_HUB = ("checkpoint=hub:me/digits", "tracking=disabled")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where `out` is a tiny run, trained but not evaluated."""
    folder = tmp_path_factory.mktemp("push")
    train_only(folder, "fusion=concat", "output_dir=out")
    return folder


@pytest.fixture(scope="module")
def said(folder: Path):
    """What each of these commands said, and the hub after them."""
    caption = ["mode=generate", *FROM_HUB, 'text="a thick seven"']
    steps = [
        ["none", "", *EXPORT, "push=me/digits"],
        ["none", "wrong", *EXPORT, "push=me/digits"],
        ["silent", "right", *EXPORT, "push=me/digits"],
        ["none", "right", *caption],
        ["none", "right", *EXPORT, "push=me/digits"],
        ["none", "right", *EXPORT, "push=me/digits"],  # into what is there
        ["none", "", *caption],
        ["silent", "", *caption],  # from the cache
        ["silent", "", "mode=generate", "checkpoint=hub:me/others", "text=seven"],
        ["none", "", "mode=generate", "checkpoint=hub:me/empty", "text=seven"],
    ]
    with serving({"me/empty": {"README.md": b"# nothing"}}) as hub:
        hub.token = "right"
        environment = {k: v for k, v in os.environ.items() if k != "HF_HUB_OFFLINE"}
        environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
        line = [sys.executable, "-c", CLIENT, json.dumps(steps)]
        done = subprocess.run(line, env=environment, cwd=folder, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stderr
        yield [json.loads(line) for line in done.stdout.splitlines()], hub


@pytest.mark.slow
def test_a_model_is_uploaded_and_loaded_from_the_hub(said, folder: Path) -> None:
    answers, hub = said
    for number in (4, 5):
        assert answers[number]["status"] == 0, answers[number]["stderr"]
        assert answers[number]["stdout"].splitlines()[-1] == f"uploaded: {hub.url}/me/digits"
    names = {"README.md", "model.json", "model.onnx", "model.pt2", "model.safetensors"}
    assert set(hub.repositories["me/digits"]) == names
    assert {path.name for path in (folder / "out" / "exported").iterdir()} == names
    for name, content in hub.repositories["me/digits"].items():
        assert (folder / "out" / "exported" / name).read_bytes() == content
    assert str(folder).encode() not in hub.repositories["me/digits"]["model.safetensors"]
    local = command(folder, "mode=generate", "checkpoint=out", 'text="a thick seven"')
    for number in (6, 7):
        assert answers[number]["status"] == 0, answers[number]["stderr"]
        assert answers[number]["stdout"].splitlines()[0] == local.stdout.splitlines()[0]
        assert "drawing: runs/mnist-concat-s0-" in answers[number]["stdout"]  # not in the hub's cache
    assert answers[7]["seconds"] < 60


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "message"),
    [
        (0, "push needs a token of the Hugging Face hub"),
        (1, "push: the hub refuses me/digits ("),
        (2, "push: the Hugging Face hub does not answer"),
        (3, "checkpoint: me/digits cannot be read from the hub ("),
        (8, "the hub does not answer, and me/others is not in its cache"),
        (9, "checkpoint: me/empty has no model.safetensors"),
    ],
)
def test_what_goes_wrong_is_one_clear_error_in_time(said, number: int, message: str) -> None:
    done = said[0][number]
    assert done["status"] == 1
    assert "\nerror: " in f"\n{done['stderr']}"
    assert message in done["stderr"]
    assert "Traceback" not in done["stderr"]
    assert done["seconds"] < 60


@pytest.mark.parametrize("name", ["digits", "me/a/b", "me/ digits", "-/x", ""])
def test_a_bad_name_is_refused_before_work_starts(folder: Path, name: str, monkeypatch) -> None:
    monkeypatch.setattr("multimodal.run.open_checkpoint", lambda *_: pytest.fail("work started"))
    done = command(folder, *EXPORT, f'push="{name}"')
    assert done.status == 1
    assert done.stderr.startswith(f"error: push: {name!r} is not <owner>/<repo> (")


def test_a_bad_name_of_a_checkpoint_is_refused(folder: Path) -> None:
    done = command(folder, "mode=generate", "checkpoint=hub:digits", "text=seven")
    assert done.stderr.startswith("error: checkpoint: 'digits' is not <owner>/<repo> (")


def test_without_a_network_nothing_is_asked_for(folder: Path, monkeypatch) -> None:
    """HF_HUB_OFFLINE is set in all tests."""
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "a token")
    assert "push: the Hugging Face hub does not answer" in command(folder, *EXPORT, "push=me/digits").stderr
    done = command(folder, "mode=evaluate", "checkpoint=hub:me/digits")
    assert "me/digits is not in its cache" in done.stderr


def test_other_checkpoints_are_paths(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_checkpoint("~/run", tmp_path) == tmp_path / "run"
    assert (is_remote("runs/hub"), is_remote("hub:a/b")) == (False, True)


def test_pushing_belongs_to_an_export(folder: Path) -> None:
    assert "push needs mode=" in command(folder, "push=me/digits").stderr
    done = command(folder, "mode=generate", "checkpoint=out", "text=seven", "push=me/digits")
    assert "push cannot be set" in done.stderr


def test_the_weights_of_an_export_are_a_checkpoint(folder: Path, monkeypatch) -> None:
    """Beside nothing else: it answers as the run's does."""
    monkeypatch.setattr("multimodal.run.write_exported", small_files)
    assert command(folder, *EXPORT, "output_dir=exported").status == 0
    (folder / "alone").mkdir()
    shutil.copy(folder / "exported" / "model.safetensors", folder / "alone")
    answers = [
        command(folder, "mode=generate", f"checkpoint={place}", 'text="a thick seven"', f"output_dir=drawn-{i}")
        for i, place in enumerate(["out", "alone", "alone/model.safetensors"])
    ]
    assert {done.status for done in answers} == {0}
    assert len({done.stdout.splitlines()[0] for done in answers}) == 1
    pictures = {(folder / f"drawn-{i}" / "drawing-1.png").read_bytes() for i in range(3)}
    assert len(pictures) == 1
