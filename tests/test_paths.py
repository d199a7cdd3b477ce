"""`~` is the user's home in every setting that is a path."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from multimodal.encoder.image.resnet import read_weights
from multimodal.paths import expanded
from tests.helpers.command import BRIEF, command


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    """The user's home, which is not the working folder."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


def test_a_tilde_is_filled_in_and_nobodys_home_is_a_name(home: Path) -> None:
    assert expanded("~/x") == home / "x"
    assert expanded("a/~") == Path("a/~")
    assert expanded("~nobody at all/x") == Path("~nobody at all/x")


def test_runs_checkpoints_and_pictures_lie_in_the_home(tmp_path: Path, home: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    line = [*BRIEF, "fusion=concat", "training.steps=1", "evaluation.figures=null", "tracking=disabled"]
    done = command(place, *line, "output_dir=~/run")
    assert done.status == 0, done.stderr
    assert (home / "run" / "metrics.json").is_file()
    Image.new("L", (28, 28)).save(home / "a.png")
    generate = ["mode=generate", "checkpoint=~/run", "image=~/a.png", "text=seven", "output_dir=~/drawn"]
    done = command(place, *generate)
    assert done.status == 0, done.stderr
    assert (home / "drawn" / "reconstruction-1.png").is_file()
    done = command(place, "-m", *line, "output_dir=~/sweep", "seed=0")
    assert done.status == 0, done.stderr
    assert (home / "sweep" / "sweep.csv").is_file()
    assert len(list((home / "sweep").glob("*/metrics.json"))) == 1
    done = command(place, "mode=report", "output_dir=~/sweep")
    assert done.status == 0, done.stderr
    assert "subset" not in done.stdout + done.stderr  # fontTools tells of every glyph that it puts into a PDF
    assert {path.name for path in place.iterdir()} == {"cache"}


def test_weights_are_read_from_the_home(home: Path) -> None:
    torch.save({"a": torch.zeros(2)}, home / "w.pt")
    assert read_weights("resnet18", "~/w.pt", frozen=False)[1] == str(home / "w.pt")
