"""Maps of where words look: a distribution over the picture, and nothing for a fusion without attention."""

from dataclasses import replace

import torch
from torch import nn

from multimodal.evaluation.attention import attention_maps
from multimodal.runs.build import build_model


def test_each_word_has_a_map_that_sums_to_one(model, split) -> None:
    rows = torch.tensor([5, 1])
    found = attention_maps(model.eval(), split, rows)
    assert torch.equal(found.rows, rows)
    assert found.weights.shape == (2, split.length[rows].max(), 7, 7)
    torch.testing.assert_close(found.weights.sum((2, 3)), torch.ones(found.weights.shape[:2]))
    assert torch.equal(found.weights[1], attention_maps(model, split, rows.flip(0)).weights[0])


def test_the_word_looks_where_its_key_is(model, split) -> None:
    """One word asks for what only one place of the picture offers; the other words ask for nothing."""
    encoded = model.eval().encode(split.batch(torch.arange(3)))
    layer, place, word = model.fusion.layers[-1]["text"], 9, 2
    direction = torch.zeros(16)
    direction[0], direction[1] = 1, -1  # as a LayerNorm leaves it
    with torch.no_grad():
        layer.to_query.weight.copy_(9 * torch.eye(16))
        layer.to_keys_values.weight.zero_()[:16] = torch.eye(16)
        layer.to_query.bias.zero_()
        layer.to_keys_values.bias.zero_()
    image = torch.zeros_like(encoded["image"].tokens)
    text = torch.zeros_like(encoded["text"].tokens)
    image[:, place], text[:, word] = direction, direction
    encoded = {m: replace(encoded[m], tokens=tokens) for m, tokens in (("image", image), ("text", text))}
    seen = model.fusion.attention_weights(encoded)
    assert (seen[:, word].argmax(-1) == place).all()
    assert (seen[:, word, place] > 0.26).all()  # the first of four heads looks there, the others everywhere
    torch.testing.assert_close(seen[:, word + 1], torch.full((3, 49), 1 / 49))


def test_an_encoder_whose_tokens_are_no_square_has_no_maps(model, split) -> None:
    """A vision transformer's, with CLS before its patches."""

    class WithCLS(nn.Module):
        def forward(self, x, present):
            e = encoder(x, present)
            tokens, valid = torch.cat([e.tokens[:, :1], e.tokens], 1), torch.cat([e.token_mask[:, :1], e.token_mask], 1)
            return replace(e, tokens=tokens, token_mask=valid)

    encoder = model.encoders["image"]
    model.encoders["image"] = WithCLS()
    assert attention_maps(model.eval(), split, torch.arange(2)) is None


def test_a_fusion_that_does_not_attend_has_no_maps(config, split) -> None:
    assert attention_maps(build_model(config("fusion=concat")).eval(), split, torch.arange(2)) is None
