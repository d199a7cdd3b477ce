"""The text side of a CLIP model, as tiny as one can be, made on disk."""

import pytest
import torch
import transformers

from multimodal.encoder.text.clip import CLIPText
from tests.helpers.pretrained import clip_folder, model_folder

PRESENT = torch.ones(2, dtype=torch.bool)
TEXTS = ["A red cat sleeps!", "a dog"]


def build(weights: str = "pretrained", frozen: bool = True) -> CLIPText:
    torch.manual_seed(0)
    return CLIPText(4, str(clip_folder()), weights, frozen, 77).eval()


@torch.no_grad()
def test_the_end_of_a_caption_is_clips_embedding_of_it() -> None:
    encoder = build()
    rows = encoder.tokenize(TEXTS).long()
    assert rows.shape == (2, 6)
    features = encoder.features(rows)
    model = transformers.CLIPModel.from_pretrained(clip_folder()).eval()
    for i, (row, end) in enumerate(zip(rows, (5, 2), strict=True)):
        alone = model.get_text_features(input_ids=row[None, : end + 1] - 1).pooler_output[0]
        torch.testing.assert_close(features[i, end], alone)
    assert not features[1, 3:].any()
    encoded = encoder(features.half(), PRESENT)
    assert encoded.token_mask.sum(1).tolist() == [6, 3]
    torch.testing.assert_close(encoded.pooled, encoder.to_pooled(encoded.tokens[[0, 1], [5, 2]]))


def test_frozen_weights_are_in_no_checkpoint_and_trained_ones_learn() -> None:
    assert not [name for name in build().state_dict() if "network" in name]
    encoder = build(frozen=False).train()
    encoder(encoder.tokenize(TEXTS).long(), PRESENT).pooled.square().sum().backward()
    learned = {name for name, p in encoder.backbone.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert "network.model.text_projection.weight" in learned
    assert not [name for name, _ in encoder.backbone.named_parameters() if "vision" in name]  # one side alone


def test_what_is_no_clip_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"encoder\.text\.name=.* cannot be loaded .*: it is of the type bert, not clip"
    ):
        CLIPText(4, str(model_folder()), "pretrained", True, 77)
    with pytest.raises(ValueError, match=r"encoder/text=clip needs encoder\.text\.name="):
        CLIPText(4, None, "pretrained", True, 77)
