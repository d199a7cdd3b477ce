"""The transformer that writes."""

import pytest
import torch

from multimodal.head.text.transformer import CausalLayer, TransformerDecoder
from multimodal.types import BOS, Batch
from tests.helpers.contracts import build
from tests.helpers.toy import options


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


def tokens_and_mask(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Five tokens of each sample, of which the first sample has two, and the last one none."""
    mask = torch.ones(count, 5, dtype=torch.bool)
    mask[0, 2:] = False
    mask[-1] = False
    return torch.randn(count, 5, 8), mask


def test_words_attend_to_the_tokens_that_are_not_masked_and_to_no_other() -> None:
    model, z, words = head(), torch.randn(3, 8), torch.randint(4, 12, (3, 7))
    memory, mask = tokens_and_mask(3)
    before = model(z, words, memory, mask)
    assert torch.equal(before, model(z, words, memory.masked_fill(~mask[..., None], 9.0), mask))
    after = model(z, words, memory + mask[..., None] * torch.randn(8), mask)
    assert (before - after)[:2].abs().amax(-1).min() > 1e-4
    torch.testing.assert_close(before[2:], model(z[2:], words[2:]))  # all are masked: z alone


def test_word_by_word_with_tokens_equals_all_at_once() -> None:
    model, z, words = head(), torch.randn(3, 8), torch.randint(4, 12, (3, 6))
    memory, mask = tokens_and_mask(3)
    whole, state, parts = model.step(z, words, None, memory, mask)[0], None, []
    for part in words.split([2, 1, 3], dim=1):
        logits, state = model.step(z, part, state, memory, mask)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


def test_every_beam_attends_to_its_own_samples_tokens() -> None:
    model, z = head(), torch.randn(4, 8)
    model.to_logits.weight.data *= 4
    memory, mask = tokens_and_mask(4)
    memory = 3 * memory
    together = model.beam(z, 3, memory, mask)
    for i in range(4):
        alone = model.beam(z[i : i + 1], 3, memory[i : i + 1], mask[i : i + 1])[0]
        assert torch.equal(together[i, : len(alone)], alone)
    assert torch.equal(model.beam(z, 1, memory, mask), model.generate(z, memory, mask))
    assert not torch.equal(model.generate(z, memory, mask), model.generate(z))


@torch.no_grad()
@pytest.mark.parametrize("fusion", options("fusion"))
def test_of_the_caption_and_of_what_is_absent_no_token_is_given_to_the_head(config, batch: Batch, fusion: str) -> None:
    """So a caption cannot be copied, and a fusion that reads captions alone is told nothing of the image."""
    model, _ = build(config, f"fusion={fusion}", "head/text=transformer")
    encoded = model.eval().encode(batch)
    present = torch.tensor([True, False, True, True, False, True])
    tokens, mask = model.memory(model.fuse(encoded, image=present))
    if "image" not in model.fusion.modalities:
        assert tokens.shape == (6, 0, 16)
        return
    assert torch.equal(tokens, encoded["image"].tokens)
    assert torch.equal(mask.any(1), present)
    hidden = model.memory(model.fuse(encoded, image=present, text=present))
    assert torch.equal(hidden[0], tokens)


def test_a_head_that_does_not_attend_is_given_none(config, batch: Batch) -> None:
    model, _ = build(config, "head/text=lstm")
    assert model.memory(model.fuse(model.encode(batch))) == ()


def test_the_image_encoder_learns_through_the_tokens(config, batch: Batch) -> None:
    """Where the image is present; z is cut off."""
    model, _ = build(config, "head/text=transformer")
    fused = model.fuse(model.encode(batch))
    said = model.heads["text"](fused.z.detach(), batch.tokens, *model.memory(fused))
    said.square().sum().backward()
    grads = {m: [p.grad for p in e.parameters() if p.grad is not None] for m, e in model.encoders.items()}
    assert max(float(grad.abs().max()) for grad in grads["image"]) > 1e-4
    assert not any(grad.any() for grad in grads["text"])
