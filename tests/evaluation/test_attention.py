"""Maps of where words look: a distribution over the picture, and nothing for a fusion without attention."""

import torch

from multimodal.build import build_model
from multimodal.evaluation.attention import attention_maps


def test_each_word_has_a_map_that_sums_to_one(model, split) -> None:
    rows = torch.tensor([5, 1])
    found = attention_maps(model.eval(), split, rows)
    assert torch.equal(found.rows, rows)
    assert found.weights.shape == (2, split.length[rows].max(), 7, 7)
    torch.testing.assert_close(found.weights.sum((2, 3)), torch.ones(found.weights.shape[:2]))
    assert torch.equal(found.weights[1], attention_maps(model, split, rows.flip(0)).weights[0])


def test_the_word_looks_where_its_key_is(model, split) -> None:
    """With one image token far from all others in the direction of every query, all words look there."""
    encoded = model.eval().encode(split.batch(torch.arange(6)))
    text, image = encoded["text"], encoded["image"]
    layer = model.fusion.layers[-1]["text"]
    with torch.no_grad():
        layer.attention.in_proj_weight.zero_()
        layer.attention.in_proj_bias.zero_()
    even = model.fusion.attention_weights({"image": image, "text": text})
    torch.testing.assert_close(even, torch.full_like(even, 1 / 49))


def test_a_fusion_that_does_not_attend_has_no_maps(config, split) -> None:
    assert attention_maps(build_model(config("fusion=concat")).eval(), split, torch.arange(2)) is None
