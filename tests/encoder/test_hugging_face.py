"""What a folder of a model lacks or holds wrongly is told; nothing is drawn at random in its place."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from multimodal.encoder.image.clip import CLIPImage
from multimodal.encoder.text.clip import CLIPText
from multimodal.encoder.text.transformers import TransformersModel
from tests.helpers.pretrained import clip_folder, model_folder

Damage = Callable[[Path], None]
BUILD = {
    "bert": (model_folder, lambda folder: TransformersModel(4, str(folder), "pretrained", True, 8)),
    "clip text": (clip_folder, lambda folder: CLIPText(4, str(folder), "pretrained", True, 8)),
    "clip image": (clip_folder, lambda folder: CLIPImage(4, 3, str(folder), "pretrained", True, None)),
}


def rename_weights(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    save_file({f"foo.{name}": value for name, value in state.items()}, folder / "model.safetensors", {"format": "pt"})


def blank_weights(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    nan = {name: value * torch.nan if value.is_floating_point() else value for name, value in state.items()}
    save_file(nan, folder / "model.safetensors", {"format": "pt"})


def cut_weights(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:100])


def widen(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    for part in (config, config.get("text_config"), config.get("vision_config")):
        if part is not None:
            part |= {"hidden_size": 16}
    (folder / "config.json").write_text(json.dumps(config))


DAMAGES: list[tuple[Damage, str]] = [
    (rename_weights, "its weights lack"),
    (blank_weights, "its weights are not finite"),
    (cut_weights, "."),
    (widen, "."),
]


@pytest.mark.parametrize("kind", BUILD)
@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_weights_that_do_not_fit_are_told_with_the_folder(
    kind: str, damage: Damage, message: str, tmp_path: Path
) -> None:
    source, build = BUILD[kind]
    folder = Path(shutil.copytree(source(), tmp_path / "copy"))
    damage(folder)
    with pytest.raises(
        ValueError, match=rf"encoder\..*={folder} cannot be loaded from a folder or the hub: .*{message}"
    ):
        build(folder)


def test_a_layer_that_the_file_lacks_is_no_random_one(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_folder(), tmp_path / "deep"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(ValueError, match=r"lack 16 of 53 that the model reads, as encoder\.layer\.2\."):
        TransformersModel(4, str(folder), "pretrained", True, 8)


def test_a_pooler_is_not_read_and_may_be_missing(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model_folder(), tmp_path / "headless"))
    state = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in state.items() if "pooler" not in name}
    assert len(kept) < len(state)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    rows = torch.tensor([[3, 7]])
    features = [
        TransformersModel(4, str(place), "pretrained", True, 8).features(rows) for place in (folder, model_folder())
    ]
    torch.testing.assert_close(*features)


def test_a_folder_without_a_tokenizer_makes_no_word_unknown(tmp_path: Path) -> None:
    for file in ("config.json", "model.safetensors"):
        shutil.copy(model_folder() / file, tmp_path)
    with pytest.raises(ValueError, match=r"has no tokenizer\.json"):
        TransformersModel(4, str(tmp_path), "pretrained", True, 8)


@pytest.mark.parametrize("name", ["/nope/x", "./x", "~/x", "a/b/c"])
def test_a_missing_folder_is_told_as_one(name: str) -> None:
    with pytest.raises(ValueError, match=rf"encoder\.text\.name: there is no folder {name}$"):
        TransformersModel(4, name, "pretrained", True, 8)
    with pytest.raises(ValueError, match=rf"encoder\.image\.model: there is no folder {name}$"):
        CLIPImage(4, 3, name, "pretrained", True, None)


def test_the_home_of_a_folder_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(model_folder().parent))
    assert TransformersModel(4, f"~/{model_folder().name}", "pretrained", True, 8).tokenize(["a dog"]).shape == (1, 2)
