"""The transformer that writes."""

import pytest
import torch

from multimodal.head.text.transformer import CausalLayer, TransformerDecoder
from multimodal.types import BOS


def head() -> TransformerDecoder:
    torch.manual_seed(0)
    return TransformerDecoder(8, 12, 9, 0.5, 2, 2, 16).eval()


def test_a_layer_is_torchs_own_with_a_causal_mask() -> None:
    torch.manual_seed(0)
    layer, x = CausalLayer(8, 2, 16), torch.randn(3, 5, 8)
    own = torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True)
    names = {"self_attn.in_proj_weight": "to_qkv.weight", "self_attn.in_proj_bias": "to_qkv.bias"}
    names |= {f"self_attn.out_proj.{p}": f"out.{p}" for p in ("weight", "bias")}
    names |= {f"norm1.{p}": f"norm.{p}" for p in ("weight", "bias")}
    names |= {f"norm2.{p}": f"feed_forward.0.{p}" for p in ("weight", "bias")}
    names |= {f"linear{i}.{p}": f"feed_forward.{2 * i - 1}.{p}" for i in (1, 2) for p in ("weight", "bias")}
    state = layer.state_dict()
    own.load_state_dict({name: state[ours] for name, ours in names.items()})
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5)
    torch.testing.assert_close(layer(x, None)[0], own(x, src_mask=mask, is_causal=True))


def test_word_by_word_with_what_was_kept_equals_all_at_once() -> None:
    model, z = head(), torch.randn(3, 8)
    tokens = torch.randint(4, 12, (3, 7))
    whole, state, parts = model.step(z, tokens, None)[0], None, []
    for part in tokens.split([1, 3, 1, 2], dim=1):
        logits, state = model.step(z, part, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


def test_every_word_is_told_of_z() -> None:
    model, tokens = head(), torch.randint(4, 12, (2, 7))
    before, after = model(torch.zeros(2, 8), tokens), model(torch.ones(2, 8), tokens)
    assert (before - after).abs().amax(-1).min() > 1e-3


def test_no_word_sees_a_later_one() -> None:
    model, z = head(), torch.randn(2, 8)
    tokens = torch.randint(4, 12, (2, 7))
    later = tokens.clone()
    later[:, 4:] = 5
    before, after = model(z, tokens), model(z, later)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:], atol=1e-3)


def test_beams_of_width_one_are_greedy_and_captions_begin() -> None:
    model, z = head(), torch.randn(4, 8) * 3
    written = model.generate(z)
    assert (written[:, 0] == BOS).all()
    assert torch.equal(model.beam(z, 1), written)


@pytest.mark.parametrize(("dim", "heads", "layers"), [(8, 3, 1), (9, 3, 1), (8, 2, 0)])
def test_bad_settings_are_refused(dim: int, heads: int, layers: int) -> None:
    with pytest.raises(ValueError, match="got "):
        TransformerDecoder(dim, 12, 9, 0.0, heads, layers, 16)
