"""Transformer fusion."""

from dataclasses import replace

import pytest
import torch

from multimodal.fusion.transformer import TransformerFusion
from tests.helpers.toy import encodings, without


def test_a_sequence_cut_to_what_is_there_gives_the_same() -> None:
    torch.manual_seed(0)
    fusion, encoded = TransformerFusion(8, ["image", "text"], 2, 2, 12).eval(), encodings(8)
    short = {m: replace(e, **{n: getattr(e, n)[:1] for n in ("pooled", "present")}) for m, e in encoded.items()}
    for m, e in short.items():
        length = int(encoded[m].token_mask[0].sum())
        short[m] = replace(e, tokens=encoded[m].tokens[:1, :length], token_mask=encoded[m].token_mask[:1, :length])
    torch.testing.assert_close(fusion(encoded).z[:1], fusion(short).z)


def test_an_absent_modality_is_no_key() -> None:
    fusion, encoded = TransformerFusion(8, ["image", "text"], 2, 1, 12).eval(), encodings(8)
    image = without(encoded, "text", [0, 1, 2])
    x = fusion.sequence(image)[0][:, :6]  # CLS, the image's embedding, its four tokens
    torch.testing.assert_close(x[:, 0], fusion.cls + encoded["image"].pooled)
    expected, _ = fusion.layers[0](x, x, torch.ones(3, 6, dtype=torch.bool))
    torch.testing.assert_close(fusion(image).z, fusion.project(fusion.norm(expected[:, 0])))


def test_an_untrained_fusion_tells_images_apart_among_many_equal_tokens() -> None:
    """Else it has to learn where to look before anything of the image reaches a head."""
    torch.manual_seed(0)
    fusion, encoded = TransformerFusion(32, ["image", "text"], 4, 2, 64).eval(), encodings(32)
    many, every = torch.randn(1, 49, 32).expand(3, -1, -1), torch.ones(3, 49, dtype=torch.bool)
    text = encoded["text"]
    same = replace(text, pooled=text.pooled[:1].expand(3, -1), tokens=many, token_mask=every)
    with torch.no_grad():
        z = fusion({"image": replace(encoded["image"], tokens=many, token_mask=every), "text": same}).z
    assert float(z.var(0).sum() / z.square().mean(0).sum()) > 0.05


def test_modality_embeddings_distinguish_equal_tokens_of_two_modalities() -> None:
    torch.manual_seed(0)
    fusion, encoded = TransformerFusion(8, ["image", "text"], 2, 1, 12).eval(), encodings(8)
    exchanged = {"image": encoded["text"], "text": encoded["image"]}
    assert not torch.allclose(fusion(encoded).z, fusion(exchanged).z, atol=1e-4)


def test_attention_weights_are_shares_over_the_image() -> None:
    fusion, encoded = TransformerFusion(8, ["image", "text"], 2, 2, 12).eval(), encodings(8)
    weights = fusion.attention_weights(encoded)
    assert weights.shape == (3, 5, 4)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 5))
    x, valid = fusion.sequence(encoded)  # CLS; the image's embedding and four tokens; the caption's and five words
    for layer in fusion.layers:
        x, layer_weights = layer(x, x, valid)
    for word in range(5):
        to_image = layer_weights.mean(1)[:, 7 + word, 2:6]
        torch.testing.assert_close(weights[:, word], to_image / to_image.sum(-1, keepdim=True))


@pytest.mark.parametrize(
    ("heads", "layers", "message"), [(3, 1, "num_heads must divide dim=8"), (2, 0, "num_layers must be")]
)
def test_bad_settings_are_refused(heads: int, layers: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransformerFusion(8, ["image", "text"], heads, layers, 12)
