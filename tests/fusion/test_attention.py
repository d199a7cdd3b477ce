"""Cross-attention fusion."""

from dataclasses import replace

import pytest
import torch

from multimodal.fusion.attention import AttentionFusion, CrossAttention
from tests.helpers.toy import encodings


def test_one_layer_equals_attention_written_out() -> None:
    torch.manual_seed(0)
    layer, x, y = CrossAttention(8, 2, 12).eval(), torch.randn(1, 3, 8), torch.randn(1, 4, 8)
    valid = torch.tensor([[True, True, True, False]])
    q = layer.to_query(layer.norm_query(x))[0]
    k, v = layer.to_keys_values(layer.norm_key(y))[0].chunk(2, dim=-1)
    heads, weights = [], []
    for head in (slice(0, 4), slice(4, 8)):
        score = q[:, head] @ k[:3, head].T / 4**0.5  # the fourth key is padding
        weights.append(score.softmax(-1))
        heads.append(weights[-1] @ v[:3, head])
    attended = x[0] + layer.out(torch.cat(heads, dim=-1))
    result, result_weights = layer(x, y, valid)
    torch.testing.assert_close(result[0], attended + layer.feed_forward(attended))
    torch.testing.assert_close(result_weights[0, :, :, :3], torch.stack(weights))
    assert not result_weights[..., 3].any()


def test_each_stream_reads_the_other_as_it_was_and_is_read_out_over_what_is_valid() -> None:
    torch.manual_seed(0)
    fusion, encoded = AttentionFusion(8, ["image", "text"], 2, 2, 12).eval(), encodings(8)
    (x, y), (x_valid, y_valid) = (
        [getattr(encoded[m], name) for m in ("image", "text")] for name in ("tokens", "token_mask")
    )
    for layer in fusion.layers:
        x, y = layer["image"](x, y, y_valid)[0], layer["text"](y, x, x_valid)[0]
    for b in range(3):
        read = [encoded["image"].pooled[b] + x[b].mean(0), encoded["text"].pooled[b] + y[b, y_valid[b]].mean(0)]
        torch.testing.assert_close(fusion(encoded).z[b], fusion.project(torch.cat(read)[None])[0])


def test_padding_is_never_attended_to_and_words_are() -> None:
    torch.manual_seed(0)
    fusion, encoded = AttentionFusion(8, ["image", "text"], 2, 2, 12), encodings(8)
    z = fusion(encoded).z
    for position, same in ((4, True), (1, False)):  # position 4 of the first caption is padding
        tokens = encoded["text"].tokens.clone()
        tokens[0, position] += 1
        other = fusion(encoded | {"text": replace(encoded["text"], tokens=tokens)}).z
        assert torch.equal(z[0], other[0]) is same


@pytest.mark.parametrize(
    ("modalities", "heads", "layers", "message"),
    [(["image"], 2, 1, "two"), (["image", "text"], 3, 1, "divide"), (["image", "text"], 2, 0, "num_layers must be")],
)
def test_bad_arguments_are_refused(modalities: list[str], heads: int, layers: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AttentionFusion(8, modalities, heads, layers, 12)
