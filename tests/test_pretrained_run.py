"""A run with frozen encoders on both sides: trained, evaluated again, asked; its files moved, changed and lost."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
from PIL import Image
from safetensors.torch import load_file, save_file

from multimodal.api import load
from multimodal.training.checkpoint_file import load_checkpoint
from tests.helpers.command import BRIEF, Done, command
from tests.helpers.pretrained import clip_folder, model_folder

IMAGE = ["encoder/image=timm", "encoder.image.name=test_resnet", "encoder.image.weights=none", "encoder.image.size=64"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where `out` is a tiny run; its text model lies in `bert`."""
    folder = tmp_path_factory.mktemp("pretrained")
    shutil.copytree(model_folder(), folder / "bert")
    Image.fromarray(np.full((30, 30), 90, np.uint8)).save(folder / "photo.png")
    done = train(folder, "output_dir=out")
    assert done.status == 0, done.stderr
    assert "RANDOM" in done.stderr
    assert "images are not augmented" in done.stderr
    return folder


def train(folder: Path, *arguments: str) -> Done:
    text = ["encoder/text=transformers", "encoder.text.name=bert"]
    return command(folder, *BRIEF, *IMAGE, *text, "fusion=concat", "tracking=disabled", *arguments)


def generate(folder: Path, *arguments: str) -> Done:
    return command(folder, "mode=generate", "checkpoint=out", 'text="A Red dog!"', "image=photo.png", *arguments)


def test_the_checkpoint_has_digests_and_no_frozen_weights(folder: Path) -> None:
    weights = load_checkpoint(folder / "out" / "best.pt")["model"]
    assert not [name for name in weights if "network" in name]
    assert weights["encoders.text.backbone.digest"].shape == (32,)
    assert (folder / "out" / "best.pt").stat().st_size < 4e6


def test_another_run_computes_no_features(folder: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in (folder / "cache").glob("features-*.npy")}
    assert len(before) == 6  # three splits of two modalities
    done = train(folder, "output_dir=second", "seed=1")
    assert done.status == 0, done.stderr
    assert {file: file.stat().st_mtime_ns for file in (folder / "cache").glob("features-*.npy")} == before


def test_evaluated_again_it_scores_the_same(folder: Path) -> None:
    done = command(folder, "mode=evaluate", "checkpoint=out", "output_dir=again", "tracking=disabled")
    assert done.status == 0, done.stderr
    first, again = (load(folder / name).metrics for name in ("out", "again"))
    assert first["accuracy/both"] == again["accuracy/both"]


def test_it_answers_a_sample_in_any_words(folder: Path, monkeypatch) -> None:
    done = generate(folder)
    assert done.status == 0, done.stderr
    assert "class: " in done.stdout
    monkeypatch.chdir(folder)  # the model's folder was given by a relative path
    answers = load(folder / "out").predict(text=["words that no caption had", "A Red dog!"])
    assert len(answers) == 2


def test_a_model_that_is_gone_or_another_one_is_named(folder: Path) -> None:
    (folder / "bert").rename(folder / "moved")
    try:
        done = generate(folder)
        assert done.status == 1
        assert "encoder.text.name=bert cannot be loaded" in done.stderr
        assert "if what it was trained with has moved, give encoder.text.name=<its new place>" in done.stderr
        done = generate(folder, "encoder.text.name=moved")
        assert done.status == 0, done.stderr
        moved = str(folder / "moved")
        assert load(folder / "out", f"encoder.text.name={moved}").predict("a red dog").label
        with pytest.raises(ValueError, match="takes the model from the checkpoint: fusion cannot be set"):
            _ = load(folder / "out", "fusion=concat").checkpoint
        shutil.copytree(folder / "moved", folder / "bert")
        state = load_file(folder / "bert" / "model.safetensors")
        state["embeddings.word_embeddings.weight"] += 1
        save_file(state, folder / "bert" / "model.safetensors", metadata={"format": "pt"})
        done = generate(folder)
        assert done.status == 1
        assert "other frozen weights or another tokenizer than encoder.text.name=bert" in done.stderr
        assert train(folder, "output_dir=out").status == 1  # another run: its key is another one
    finally:
        shutil.rmtree(folder / "bert", ignore_errors=True)
        (folder / "moved").rename(folder / "bert")


@pytest.fixture(scope="module")
def moved(tmp_path_factory) -> Path:
    """Where `out` is a run with frozen weights, whose file was renamed since."""
    folder = tmp_path_factory.mktemp("moved")
    state = timm.create_model("test_resnet").state_dict()
    save_file(state, folder / "weights.safetensors")
    weights = "encoder.image.weights=weights.safetensors"
    done = command(folder, *BRIEF, *IMAGE, weights, "fusion=concat", "tracking=disabled", "output_dir=out")
    assert done.status == 0, done.stderr
    (folder / "weights.safetensors").rename(folder / "moved.safetensors")
    save_file(state | {"conv1.0.weight": state["conv1.0.weight"] + 1}, folder / "other.safetensors")
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of the exporter
@pytest.mark.parametrize(
    "mode",
    [
        ["mode=evaluate", "output_dir=again", "tracking=disabled"],
        ["mode=generate", 'text="a cat"'],
        pytest.param(["mode=export"], marks=pytest.mark.slow),
    ],
    ids=lambda mode: mode[0],
)
def test_every_mode_takes_the_new_place_of_a_weights_file_and_no_other_content(moved: Path, mode: list[str]) -> None:
    done = command(moved, *mode, "checkpoint=out")
    assert done.status == 1
    assert "there is no file weights.safetensors" in done.stderr
    assert "give encoder.image.weights=<its new place>" in done.stderr
    done = command(moved, *mode, "checkpoint=out", "encoder.image.weights=other.safetensors")
    assert done.status == 1
    assert "trained with other frozen weights" in done.stderr
    done = command(moved, *mode, "checkpoint=out", "encoder.image.weights=moved.safetensors")
    assert done.status == 0, done.stderr
    if (moved / "again").exists():
        assert load(moved / "out").metrics["accuracy/both"] == load(moved / "again").metrics["accuracy/both"]


def test_the_weights_are_in_the_key_and_their_place_is_not(folder: Path) -> None:
    record = load(folder / "out").record
    assert record.weights["image"] == "random"
    assert len(record.weights["text"]) == 64
    shutil.copytree(folder / "bert", folder / "copy", dirs_exist_ok=True)
    done = train(folder, "output_dir=out", "encoder.text.name=copy")
    assert done.status == 0, done.stderr
    assert "is finished already" in done.stderr


def test_a_tokenizer_cannot_be_exported_and_that_is_said(folder: Path) -> None:
    done = command(folder, "mode=export", "checkpoint=out")
    assert done.status == 1
    assert "mode=export needs a text encoder that reads the vocabulary's words" in done.stderr


def test_attention_is_drawn_over_the_subwords(folder: Path, monkeypatch) -> None:
    """Its caption tokens are not the vocabulary's words."""
    monkeypatch.chdir(folder)
    run = load(folder / "out")
    model = run.model
    rows = model.tokenize(["A Red dog!", "a cat"])
    assert model.subword_texts(rows) == [["A", "Red", "dog", "!"], ["a", "cat"]]


def test_both_sides_of_one_clip(tmp_path: Path) -> None:
    """Trained on features that are computed once, asked again; the folder counts by its content."""
    shutil.copytree(clip_folder(), tmp_path / "clip")
    line = [*BRIEF, "encoder=clip", "fusion=concat", "tracking=disabled"]
    done = command(tmp_path, *line, "encoder.image.model=clip", "output_dir=out")
    assert done.status == 0, done.stderr
    assert len(list((tmp_path / "cache").glob("features-*.npy"))) == 6
    done = command(tmp_path, "mode=generate", "checkpoint=out", 'text="A Red dog!"')
    assert done.status == 0, done.stderr
    done = command(tmp_path, *line, f"encoder.image.model={clip_folder()}", "output_dir=out")
    assert "is finished already" in done.stderr


@pytest.mark.parametrize("other", ["dataset=animals", "experiment=lite"])
def test_a_dataset_or_an_experiment_does_not_take_one_side_of_it_away(config, other: str) -> None:
    encoder = config("encoder=clip", other).encoder
    assert encoder.image._target_.endswith("CLIPImage")
    assert encoder.text._target_.endswith("CLIPText")
    assert encoder.text.name == encoder.image.model
