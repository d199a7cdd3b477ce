"""The suite from a notebook: the same run as the command's, without Hydra's global state."""

import re

import numpy as np
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from PIL import Image

import multimodal
from tests.helpers.command import BRIEF, command
from tests.helpers.toy import ROOT

SETTINGS = [*BRIEF, "evaluation.figures=null", "tracking=disabled"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def run(folder):
    settings = [*SETTINGS, f"cache_dir={folder}/cache", f"output_dir={folder}/runs/one"]
    return multimodal.train(*settings)


def test_training_is_the_commands(run, folder) -> None:
    """The same key, and the same numbers to the last bit."""
    assert command(folder, *SETTINGS, "output_dir=runs/two").status == 0
    other = multimodal.load(folder / "runs" / "two")
    assert other.record.key == run.record.key
    assert {k: v for k, v in other.metrics.items() if k != "seconds"} == {
        k: v for k, v in run.metrics.items() if k != "seconds"
    }
    assert not GlobalHydra.instance().is_initialized()


def test_a_finished_run_is_read(run, folder) -> None:
    again = multimodal.train(*SETTINGS, f"cache_dir={folder}/cache", f"output_dir={folder}/runs/one")
    assert again.metrics == run.metrics
    assert list(again.history["step"]) == [3, 6]
    assert again.config["training"]["steps"] == 6
    assert again.figures == {}
    assert again.predictions["correct/both"].mean() == pytest.approx(again.metrics["accuracy/both"])


def test_it_predicts_one_sample_and_several(run, tmp_path) -> None:
    pixels = (np.random.default_rng(0).random((28, 28)) * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    one = run.predict(image=pixels)
    assert sum(one.probability.values()) == pytest.approx(1, abs=1e-5)
    assert one.label in run.checkpoint.class_names
    assert (one.image.shape, one.image.dtype) == ((28, 28), np.uint8)
    pictures = [tmp_path / "image.png", Image.fromarray(pixels), None, pixels]
    texts = [None, None, "a thick seven", "a thick seven slanted right"]
    several = run.predict(text=texts, image=pictures)
    assert len(several) == 4
    for other in several[:2]:
        assert other.caption == one.caption
        assert list(other.probability.values()) == pytest.approx(list(one.probability.values()), abs=1e-5)
    alone = run.predict(text="a thick seven")
    assert list(several[2].probability.values()) == pytest.approx(list(alone.probability.values()), abs=1e-5)


def test_what_the_fusion_does_not_read_is_refused(folder) -> None:
    settings = [*SETTINGS, "fusion=image_only", f"cache_dir={folder}/cache", f"output_dir={folder}/control"]
    with pytest.raises(ValueError, match="fuses by image_only, which does not read text"):
        multimodal.train(*settings).predict(text="a thick seven")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give text="),
        ({"text": ["a seven", 1]}, "text must be a caption, or a list of captions and None, got 1"),
        ({"text": ["a seven", "a four"], "image": [None]}, "equally long"),
        ({"text": [None]}, "neither a caption nor an image"),
        ({"image": "nothing.png"}, "there is no file nothing.png"),
        ({"image": np.zeros((28, 28))}, r"must be \(H, W\) or \(H, W, C\) of uint8, got \(28, 28\) of float64"),
    ],
)
def test_wrong_input_is_refused(run, given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run.predict(**given)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "F", "1", "P", "LA", "RGBA"])
def test_a_picture_of_any_mode_is_read(run, mode: str) -> None:
    grey = Image.fromarray(np.linspace(0, 255, 64, dtype=np.uint8).reshape(8, 8))
    picture = grey.convert("RGB").convert(mode) if mode in ("HSV", "YCbCr", "CMYK") else grey
    assert sum(run.predict(image=picture.convert(mode)).probability.values()) == pytest.approx(1, abs=1e-3)


def test_a_photograph_is_turned_upright_as_its_file_is(run, tmp_path) -> None:
    picture = Image.fromarray(np.arange(784, dtype=np.uint32).reshape(28, 28).astype(np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    picture.save(tmp_path / "a.png", exif=turned)
    with Image.open(tmp_path / "a.png") as opened:
        assert run.predict(image=opened).probability == run.predict(image=tmp_path / "a.png").probability
    assert run.predict(image=picture).probability != run.predict(image=tmp_path / "a.png").probability


def test_an_array_may_have_an_axis_of_one_channel(run) -> None:
    pixels = np.arange(784, dtype=np.uint32).reshape(28, 28).astype(np.uint8)
    assert run.predict(image=pixels[..., None]).probability == run.predict(image=pixels).probability


def test_trust_is_a_package_or_several(run) -> None:
    for trust in ("mine", ["mine"]):
        assert multimodal.load(run.folder, trust=trust).predict(text="a seven").label in run.predict("a seven").label


def test_data_and_model_without_training() -> None:
    data = multimodal.load_data("dataset=animals", "dataset.source=embedded", "dataset.limit=120")
    model = multimodal.build_model("fusion=film", data=data)
    assert model(data.splits["train"].batch(torch.arange(2))).image.shape == (2, 3, 64, 64)


def test_runs_are_compared_as_tables(run, folder) -> None:
    multimodal.train(*SETTINGS, "fusion=concat", f"cache_dir={folder}/cache", f"output_dir={folder}/runs/concat")
    tables = multimodal.compare(folder / "runs")
    quality = tables["Quality"]
    assert {"attention", "concat"} <= set(quality.index.get_level_values(1))
    with pytest.raises(ValueError, match="no finished run"):
        multimodal.compare(folder / "cache")


@pytest.mark.parametrize("call", [multimodal.train, multimodal.load_data])
def test_an_unknown_setting_is_refused(call) -> None:
    with pytest.raises(ValueError, match="there is no setting model_type; it is fusion here"):
        call("model_type=concat")


def test_public_names_only() -> None:
    assert set(multimodal.__all__) <= set(dir(multimodal))
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = multimodal.trian


def test_the_readmes_notebook_runs_in_a_small_form(tmp_path, monkeypatch) -> None:
    """The block as it stands, but for the budget, the name of the folder and the two pictures."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"## From a notebook\n\n```python\n(.*?)```", text, re.DOTALL)[1]
    settings = ", ".join(repr(setting) for setting in [*SETTINGS, f"cache_dir={tmp_path}/cache"])
    block = block.replace('"training.steps=100"', settings)
    block = block.replace('"runs/mnist-concat-s0-..."', "run.folder")
    block = block.replace('"dataset=animals", ', '"dataset=animals", "dataset.limit=120", ')
    monkeypatch.chdir(tmp_path)
    for name in ("1.png", "2.png"):
        Image.new("L", (28, 28)).save(name)
    names: dict = {}
    exec(block, names)
    assert names["run"].record.fusion == "concat"
    assert type(names["model"].fusion).__name__ == "FiLMFusion"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("fusion=conca", "fusion has no option conca; did you mean concat?"),
        ("training.steps=abc", "training.steps must be a whole number, got 'abc'"),
        ("fusion.num_heads=3", "fusion.num_heads must divide dim=128, got 3"),
        ("foo", "'foo' is no setting=value"),
        ("mode=report", "multimodal.train cannot run mode=report"),
    ],
)
def test_a_wrong_setting_is_a_value_error_in_one_line(override: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        multimodal.train("dataset.source=embedded", override)
    assert "\n" not in str(error.value)
