"""Bottleneck fusion."""

from dataclasses import replace

import pytest
import torch

from multimodal.fusion.bottleneck import BottleneckFusion
from tests.helpers.toy import encodings, without


def test_a_layer_written_out() -> None:
    torch.manual_seed(0)
    fusion, encoded = BottleneckFusion(8, ["image", "text"], 2, 2, 1, 12).eval(), encodings(8)
    first, updates, own = fusion.bottleneck.expand(1, -1, -1), [], []
    for m in ("image", "text"):  # of the first sample alone, its caption cut to its three words
        e, length = encoded[m], int(encoded[m].token_mask[0].sum())
        x = torch.cat([e.tokens[:1, :length], first], dim=1)
        out, _ = fusion.layers[0][m](x, x, torch.ones(1, length + 2, dtype=torch.bool))
        updates.append(out[:, length:])
        own.append(e.pooled[:1] + out[:, :length].mean(1))
    shared = (updates[0] + updates[1]) / 2
    expected = fusion.project(torch.cat([*own, shared.mean(1)], dim=-1))
    torch.testing.assert_close(fusion(encoded).z[:1], expected)


@pytest.mark.parametrize(("absent", "changes"), [([0, 1, 2], False), ([], True)])
def test_the_image_hears_of_the_caption_through_the_bottleneck(absent: list[int], changes: bool) -> None:
    """An absent caption writes nothing there."""
    torch.manual_seed(0)
    fusion, encoded = BottleneckFusion(8, ["image", "text"], 2, 2, 2, 12).eval(), encodings(8)
    captured = []
    fusion.layers[1]["image"].register_forward_hook(lambda module, given, out: captured.append(out[0][:, :4]))
    other = replace(encoded["text"], tokens=torch.randn(3, 5, 8))
    for text in (encoded["text"], other):
        fusion(without(encoded | {"text": text}, "text", absent))
    assert torch.allclose(*captured, atol=1e-4) is not changes


@pytest.mark.parametrize(("bottlenecks", "heads", "layers"), [(0, 2, 1), (2, 2, 0), (2, 3, 1)])
def test_bad_settings_are_refused(bottlenecks: int, heads: int, layers: int) -> None:
    with pytest.raises(ValueError, match="got "):
        BottleneckFusion(8, ["image", "text"], bottlenecks, heads, layers, 12)
