"""Any of torchvision's classifiers."""

import pytest
import torch
import torchvision

from multimodal.encoder.image.torchvision import TorchvisionClassifier, sequence

# a family each: residual, inverted residual, plain with three linear layers, and two with channels last; what their
# tokens are: a side of the map and its channels
NAMES = {"resnet18": (4, 256), "mobilenet_v3_small": (4, 288), "vgg11": (7, 512), "swin_t": (4, 384)}
NAMES["convnext_tiny"] = (4, 384)


def build(name: str, weights: str = "none", frozen: bool = False, size: int | None = None) -> TorchvisionClassifier:
    torch.manual_seed(0)
    return TorchvisionClassifier(16, 3, 64, name, weights, frozen, size)


SLOW = ("vgg11", "swin_t")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in NAMES])
def test_each_family_gives_tokens_and_an_embedding_and_learns(name: str) -> None:
    encoder, (side, features) = build(name), NAMES[name]
    encoded = encoder(torch.rand(2, 3, 64, 64), torch.ones(2, dtype=torch.bool))
    assert encoded.pooled.shape == (2, 16)
    assert encoded.tokens.shape == (2, side**2, 16)
    assert encoder.to_tokens.in_features == features
    (encoded.pooled.square().sum() + encoded.tokens.square().sum()).backward()
    assert max(p.grad.abs().max() for p in encoder.backbone.network.parameters() if p.grad is not None) > 1e-4


def test_a_map_is_read_place_by_place_in_either_layout() -> None:
    x = torch.randn(2, 5, 4, 4)
    places = torch.stack([x[:, :, i // 4, i % 4] for i in range(16)], dim=1)
    assert torch.equal(sequence(x), places)
    assert torch.equal(sequence(x.permute(0, 2, 3, 1)), places)
    assert torch.equal(sequence(torch.cat([places[:, :1] + 9, places], dim=1)), places)  # CLS is no place
    assert torch.equal(sequence(places), places)


@pytest.mark.slow
def test_a_vision_transformer_has_its_images_resized() -> None:
    encoder = build("vit_b_16", size=224).eval()
    with torch.no_grad():
        encoded = encoder(torch.rand(1, 3, 64, 64), torch.ones(1, dtype=torch.bool))
    assert encoded.tokens.shape == (1, 196, 16)


def test_it_reads_what_the_last_layer_of_the_classifier_reads(tmp_path) -> None:
    torch.manual_seed(1)
    whole = torchvision.models.resnet18(weights=None).eval()
    torch.save(whole.state_dict(), tmp_path / "weights.pt")
    encoder = build("resnet18", str(tmp_path / "weights.pt"), frozen=True).train()
    image = torch.rand(2, 3, 64, 64)
    seen = encoder.backbone((image - encoder.mean) / encoder.std)
    torch.testing.assert_close(whole.fc(seen["features"]), whole((image - encoder.mean) / encoder.std))
    assert not any(p.requires_grad for p in encoder.backbone.network.parameters())
    assert encoder.weights == str(tmp_path / "weights.pt")


@pytest.mark.parametrize(
    ("name", "weights", "frozen", "size", "message"),
    [
        ("resnet19", "none", False, None, "has no classifier 'resnet19'"),
        ("fcn_resnet50", "none", False, None, "has no classifier"),
        ("vit_b_16", "none", False, None, "cannot read 64x64 pixels"),
        ("resnet18", "nowhere.pt", False, None, "there is no file nowhere.pt"),
    ],
)
def test_bad_settings_are_refused(name: str, weights: str, frozen: bool, size: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(name, weights, frozen, size)
