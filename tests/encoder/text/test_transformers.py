"""A text model of transformers, as tiny as one can be, made on disk."""

import shutil
from pathlib import Path

import pytest
import torch
import transformers

from multimodal.encoder.text.transformers import TransformersModel
from tests.helpers.pretrained import model_folder

PRESENT = torch.ones(2, dtype=torch.bool)
TEXTS = ["A red cat sleeps!", "a dog"]


def build(name: str | None = None, weights: str = "pretrained", frozen: bool = True, most: int = 8):
    torch.manual_seed(0)
    return TransformersModel(4, name or str(model_folder()), weights, frozen, most).eval()


@torch.no_grad()
def test_features_are_the_models_last_states_and_padding_is_zero() -> None:
    encoder = build()
    rows = encoder.tokenize(TEXTS).long()
    assert rows.shape == (2, 5)
    features = encoder.features(rows)
    model = transformers.AutoModel.from_pretrained(model_folder()).eval()
    alone = model(input_ids=torch.tensor([[3, 7]])).last_hidden_state[0]  # "a dog" in WORDS
    torch.testing.assert_close(features[1, :2], alone, atol=1e-5, rtol=1e-5)
    assert not features[1, 2:].any()
    encoded = encoder(features.half(), PRESENT)
    assert encoded.token_mask.tolist() == [[True] * 5, [True, True, False, False, False]]
    torch.testing.assert_close(encoded.pooled, encoder(rows, PRESENT).pooled, atol=2e-3, rtol=2e-3)


def test_a_caption_is_cut_where_the_model_has_no_positions() -> None:
    assert build(most=100).tokenize(["a " * 50]).shape == (1, 16)
    assert build(most=3).tokenize(["a " * 50]).shape == (1, 3)


def test_frozen_weights_are_in_no_checkpoint_and_trained_ones_learn() -> None:
    assert not [name for name in build().state_dict() if "network" in name]
    encoder = build(frozen=False).train()
    encoder(encoder.tokenize(TEXTS).long(), PRESENT).pooled.square().sum().backward()
    assert max(p.grad.abs().max() for p in encoder.backbone.parameters() if p.grad is not None) > 1e-5


def test_weights_count_by_their_content_wherever_they_lie(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(model_folder(), tmp_path / "moved"))
    assert build(str(copy)).weights == build().weights
    assert torch.equal(build(str(copy)).backbone.digest, build().backbone.digest)
    model = transformers.AutoModel.from_pretrained(copy)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight[5] += 1
    model.save_pretrained(copy)
    assert build(str(copy)).weights != build().weights
    assert not torch.equal(build(str(copy)).backbone.digest, build().backbone.digest)


def test_random_weights_are_said(caplog) -> None:
    encoder = build(weights="none")
    assert "RANDOM" in caplog.text
    assert encoder.weights != build().weights
    assert torch.equal(encoder.backbone.digest, build(weights="none").backbone.digest)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nobody/no-such-model",
            r"encoder\.text\.name=nobody/no-such-model cannot be loaded from a folder or the hub: .",
        )
    ],
)
def test_what_cannot_be_loaded_is_named(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(name)
    with pytest.raises(ValueError, match=r"needs encoder\.text\.name="):
        TransformersModel(4, None, "none", True, 8)
