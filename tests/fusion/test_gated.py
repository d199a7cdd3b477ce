"""Gated fusion."""

import torch

from multimodal.fusion.gated import GatedFusion
from tests.helpers.toy import encodings, without


def test_for_two_modalities_it_is_the_papers_sigmoid() -> None:
    torch.manual_seed(0)
    fusion, encoded = GatedFusion(8, ["image", "text"], 12), encodings(8)
    x, y = encoded["image"].pooled, encoded["text"].pooled
    weight, bias = fusion.gate.weight[:8] - fusion.gate.weight[8:], fusion.gate.bias[:8] - fusion.gate.bias[8:]
    gate = (torch.cat([x, y], dim=1) @ weight.T + bias).sigmoid()
    expected = gate * fusion.maps["image"](x).tanh() + (1 - gate) * fusion.maps["text"](y).tanh()
    torch.testing.assert_close(fusion(encoded).z, fusion.project(expected))


def test_who_is_absent_weighs_nothing() -> None:
    fusion, encoded = GatedFusion(8, ["image", "text"], 12), without(encodings(8), "text", [0, 1, 2])
    alone = fusion.maps["image"](encoded["image"].pooled).tanh()
    torch.testing.assert_close(fusion(encoded).z, fusion.project(alone))
