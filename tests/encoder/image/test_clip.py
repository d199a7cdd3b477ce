"""The image side of a CLIP model, as tiny as one can be, made on disk."""

import shutil
from pathlib import Path

import pytest
import torch
import transformers

from multimodal.encoder.image.clip import CLIPImage
from tests.helpers.pretrained import clip_folder, model_folder

PRESENT = torch.ones(2, dtype=torch.bool)


def build(model: str | None = None, weights: str = "pretrained", frozen: bool = True, size: int | None = None):
    torch.manual_seed(0)
    return CLIPImage(8, 1, model or str(clip_folder()), weights, frozen, size).eval()


@torch.no_grad()
def test_the_first_feature_is_clips_embedding_of_the_image() -> None:
    encoder, image = build(), torch.rand(2, 1, 32, 32)
    features = encoder.features(image)
    assert features.shape == (2, 17, 6)
    model = transformers.CLIPModel.from_pretrained(clip_folder()).eval()
    pixels = (image.expand(-1, 3, -1, -1) - encoder.mean) / encoder.std
    torch.testing.assert_close(features[:, 0], model.get_image_features(pixel_values=pixels).pooler_output)
    encoded = encoder(features.half(), PRESENT)
    assert encoded.tokens.shape == (2, 16, 8)
    torch.testing.assert_close(encoded.pooled, encoder(image, PRESENT).pooled, atol=2e-3, rtol=2e-3)


def test_images_are_resized_to_what_the_model_reads_or_to_a_size() -> None:
    assert build()(torch.rand(2, 1, 28, 28), PRESENT).tokens.shape[1] == 16
    assert build(size=64)(torch.rand(2, 1, 28, 28), PRESENT).tokens.shape[1] == 64


def test_frozen_weights_are_in_no_checkpoint_and_trained_ones_learn() -> None:
    assert not [name for name in build().state_dict() if "network" in name]
    encoder = build(frozen=False).train()
    encoder(torch.rand(2, 1, 32, 32), PRESENT).pooled.square().sum().backward()
    learned = {name for name, p in encoder.backbone.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert "network.model.visual_projection.weight" in learned
    assert not [name for name, _ in encoder.backbone.named_parameters() if "text" in name]  # one side alone


def test_weights_count_by_their_content_wherever_they_lie(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(clip_folder(), tmp_path / "moved"))
    assert build(str(copy)).weights == build().weights
    assert torch.equal(build(str(copy)).backbone.digest, build().backbone.digest)
    model = transformers.CLIPModel.from_pretrained(copy)
    with torch.no_grad():
        model.visual_projection.weight[0] += 1
    model.save_pretrained(copy)
    assert build(str(copy)).weights != build().weights


def test_random_weights_are_said(caplog) -> None:
    encoder = build(weights="none")
    assert "RANDOM" in caplog.text
    assert encoder.weights != build().weights
    assert torch.equal(encoder.backbone.digest, build(weights="none").backbone.digest)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"model": str(model_folder())},
            r"encoder\.image\.model=.* cannot be loaded .*: it is of the type bert, not clip",
        ),
        (
            {"model": "nobody/no-such-model"},
            r"encoder\.image\.model=nobody/no-such-model cannot be loaded from a folder",
        ),
        ({"size": 7}, r"encoder\.image\.size must be a whole number of 8 or more"),
        ({"weights": "file.pt"}, r"encoder\.image\.weights must be"),
    ],
)
def test_bad_settings_are_refused(changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**changed)
    with pytest.raises(ValueError, match=r"encoder=clip needs encoder\.image\.model="):
        CLIPImage(8, 1, None, "none", True, None)
