"""Concatenation fusion."""

import torch
from torch import nn

from multimodal.fusion.concat import ConcatFusion
from tests.helpers.toy import encodings


def test_is_a_perceptron_of_the_embeddings_side_by_side() -> None:
    torch.manual_seed(0)
    fusion, encoded = ConcatFusion(8, ["image", "text"], 12), encodings(8)
    first, _, second, norm = fusion.project
    x = torch.cat([encoded["image"].pooled, encoded["text"].pooled], dim=1)
    expected = norm(second(nn.functional.gelu(x @ first.weight.T + first.bias)))
    torch.testing.assert_close(fusion(encoded).z, expected)


def test_the_order_of_the_dictionary_does_not_matter() -> None:
    fusion, encoded = ConcatFusion(8, ["image", "text"], 12), encodings(8)
    assert torch.equal(fusion(encoded).z, fusion(dict(reversed(encoded.items()))).z)
