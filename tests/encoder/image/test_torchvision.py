"""Any of torchvision's classifiers."""

import pytest
import torch
import torchvision

from multimodal.encoder.image.torchvision import TorchvisionClassifier

# a family each: residual, inverted residual, dense, plain with three linear layers, a pyramid of normalised patches
NAMES = ["resnet18", "mobilenet_v3_small", "densenet121", "vgg11", "swin_t"]


def build(name: str, weights: str = "none", frozen: bool = False, size: int | None = None) -> TorchvisionClassifier:
    torch.manual_seed(0)
    return TorchvisionClassifier(16, 3, 64, name, weights, frozen, size)


@pytest.mark.parametrize("name", NAMES)
def test_each_family_gives_tokens_and_an_embedding_and_learns(name: str) -> None:
    encoder = build(name)
    encoded = encoder(torch.rand(2, 3, 64, 64), torch.ones(2, dtype=torch.bool))
    assert encoded.pooled.shape == (2, 16)
    assert encoded.tokens.shape[1] >= 16
    (encoded.pooled.square().sum() + encoded.tokens.square().sum()).backward()
    assert max(p.grad.abs().max() for p in encoder.backbone.parameters() if p.grad is not None) > 1e-4


def test_a_vision_transformer_has_its_images_resized() -> None:
    encoder = build("vit_b_16", size=224).eval()
    with torch.no_grad():
        encoded = encoder(torch.rand(1, 3, 64, 64), torch.ones(1, dtype=torch.bool))
    assert encoded.tokens.shape == (1, 197, 16)


def test_it_reads_what_the_last_layer_of_the_classifier_reads(tmp_path) -> None:
    torch.manual_seed(1)
    whole = torchvision.models.resnet18(weights=None).eval()
    torch.save(whole.state_dict(), tmp_path / "weights.pt")
    encoder = build("resnet18", str(tmp_path / "weights.pt"), frozen=True).train()
    image = torch.rand(2, 3, 64, 64)
    seen = encoder.backbone((image - encoder.mean) / encoder.std)
    torch.testing.assert_close(whole.fc(seen["features"]), whole((image - encoder.mean) / encoder.std))
    assert not any(p.requires_grad for p in encoder.backbone.parameters())
    assert encoder.weights == str(tmp_path / "weights.pt")


@pytest.mark.parametrize(
    ("name", "weights", "frozen", "size", "message"),
    [
        ("resnet19", "none", False, None, "has no classifier 'resnet19'"),
        ("fcn_resnet50", "none", False, None, "has no classifier"),
        ("resnet18", "none", True, None, "frozen=true needs weights"),
        ("vit_b_16", "none", False, None, "cannot read 64x64 pixels"),
        ("resnet18", "nowhere.pt", False, None, "there is no file nowhere.pt"),
    ],
)
def test_bad_settings_are_refused(name: str, weights: str, frozen: bool, size: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(name, weights, frozen, size)
