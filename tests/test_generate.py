"""mode=generate: a checkpoint answers a sample of one's own, without the data."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.command import TINY, Done, command, train_only


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where `out` is a tiny run, trained but not evaluated, `single` one that reads images only; and `photo.png`."""
    folder = tmp_path_factory.mktemp("generate")
    for name, fusion in (("out", "concat"), ("single", "image_only")):
        train_only(folder, f"fusion={fusion}", f"output_dir={name}")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "photo.png")
    return folder


def generate(folder: Path, *arguments: str) -> Done:
    return command(folder, "mode=generate", *arguments)


@pytest.fixture
def no_data(monkeypatch) -> None:
    """Reading any dataset fails."""

    def refuse(*args, **kwargs):
        raise AssertionError("the data was read")

    monkeypatch.setattr("multimodal.run.read_data", refuse)
    monkeypatch.setattr("multimodal.dataset.preparing.prepare.prepare_data", refuse)


def test_a_caption_is_drawn(folder: Path, no_data) -> None:
    for number in (1, 2):  # the second time beside the first
        done = generate(folder, "checkpoint=out", 'text="a thick seven, zebra"')
        assert done.status == 0, done.stderr
        assert "class: " in done.stdout
        assert "caption" not in done.stdout
        assert f"drawing: out/generated/drawing-{number}.png" in done.stdout
        assert "'zebra'" in done.stderr
    names = {file.name for file in (folder / "out" / "generated").iterdir()}
    assert names == {"drawing-1.png", "drawing-1-large.png", "drawing-2.png", "drawing-2-large.png"}
    for name, size in (("drawing-1.png", 28), ("drawing-1-large.png", 280)):
        with Image.open(folder / "out" / "generated" / name) as drawn:
            assert drawn.size == (size, size)


def test_an_image_is_described_and_nothing_drawn(folder: Path, no_data) -> None:
    done = generate(folder, "checkpoint=single", "image=photo.png", "mode.width=3")
    assert done.status == 0, done.stderr
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert set(lines) == {"class", "caption, greedy", "caption, beam of 3"}
    shares = [float(part.split()[-1]) for part in lines["class"].split(", ")]
    assert len(shares) == 3
    assert shares == sorted(shares, reverse=True)
    assert not (folder / "single" / "generated").exists()


def test_both_are_answered_together(folder: Path, no_data) -> None:
    done = generate(folder, "checkpoint=out/last.pt", "image=photo.png", "text=seven", "output_dir=mine")
    assert done.status == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "class",
        "caption, greedy",
        "caption, beam of 5",
        "reconstruction",
    ]
    assert {file.name for file in (folder / "mine").iterdir()} == {"reconstruction-1.png", "reconstruction-1-large.png"}


def test_a_checkpoint_of_many_devices_needs_one(folder: Path) -> None:
    state = torch.load(folder / "out" / "best.pt", weights_only=True)
    state["record"]["config"]["training"]["devices"] = 4096
    torch.save(state, folder / "many.pt")
    done = generate(folder, "checkpoint=many.pt", "image=photo.png")
    assert done.status == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["checkpoint=out"], "text=<a caption> or image=<an image file>"),
        (["text=seven"], "mode=generate needs checkpoint="),
        (["checkpoint=nowhere", "text=seven"], "there is no nowhere"),
        (["checkpoint=single", "text=seven"], "image_only, which does not read text"),
        (["checkpoint=single", "text=seven", "image=photo.png"], "image_only, which does not read text"),
        (["checkpoint=out", "text=zebra"], "no word that the model learned"),
        (["checkpoint=out", "image=out/config.yaml"], "does not decode"),
        (["checkpoint=out", "image=nowhere.jpg"], "there is no file nowhere.jpg"),
        (["checkpoint=out", "text=seven", "fusion=attention"], "takes the model from the checkpoint: fusion"),
        (["checkpoint=out", "text=seven", "dataset.image_size=32"], "dataset.image_size cannot be set"),
    ],
)
def test_bad_input_is_one_clear_error(folder: Path, arguments: list[str], message: str) -> None:
    done = generate(folder, *arguments)
    assert done.status == 1
    assert "\nerror: " in f"\n{done.stderr}"  # Fabric may say before it that it computes in bf16
    assert message in done.stderr


def test_a_sample_given_to_another_mode_is_an_error(folder: Path) -> None:
    assert "mode=generate" in command(folder, *TINY, "text=seven").stderr
    done = command(folder, "mode=evaluate", "checkpoint=out", "text=seven")
    assert "mode=evaluate takes model and data from the checkpoint: text cannot be set" in done.stderr


def test_a_sweep_of_samples_is_refused(folder: Path) -> None:
    done = command(folder, "-m", "mode=generate", "checkpoint=out", "text=seven,one", "output_dir=swept")
    assert done.status == 1
    assert "without -m" in done.stderr


def test_a_head_that_draws_at_random_makes_several_drawings_the_same_every_time(folder: Path) -> None:
    settings = ["head/image=flow", "head.image.steps=2", "head.image.width=8"]
    train_only(folder, *settings, "fusion=concat", "output_dir=flow")
    for _ in range(2):
        done = generate(folder, "checkpoint=flow", 'text="a thick seven"', "mode.num_drawings=2")
        assert done.status == 0, done.stderr
        assert done.stdout.count("drawing: ") == 2
    drawn = [np.asarray(Image.open(folder / "flow" / "generated" / f"drawing-{i}.png")) for i in (1, 2, 3, 4)]
    assert not np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(drawn[0], drawn[2])
    assert np.array_equal(drawn[1], drawn[3])
    (folder / "captions.txt").write_text("three\na thick seven\n")
    done = generate(folder, "checkpoint=flow", "samples=captions.txt", "mode.num_drawings=2", "output_dir=several")
    assert done.status == 0, done.stderr
    files = sorted(file.name for file in (folder / "several" / "drawings").iterdir())
    assert files == ["000000-2.png", "000000.png", "000001-2.png", "000001.png"]
    for name, expected in (("000001.png", drawn[0]), ("000001-2.png", drawn[1])):
        difference = np.asarray(Image.open(folder / "several" / "drawings" / name)).astype(int) - expected
        assert abs(difference).max() <= 1
