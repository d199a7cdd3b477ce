"""Tensor fusion."""

import pytest
import torch

from multimodal.fusion.tensor import TensorFusion
from tests.helpers.toy import encodings, without


def test_every_product_of_two_features_written_out() -> None:
    torch.manual_seed(0)
    fusion, encoded = TensorFusion(8, ["image", "text"], 2, 12), without(encodings(8), "text", [1])
    x, y = (fusion.maps[m](encoded[m].pooled) for m in ("image", "text"))
    rows = []
    for b in range(3):
        own = [*x[b], torch.ones(())]
        other = [*(y[b] * (b != 1)), torch.ones(())]
        rows.append(torch.stack([i * j for i in own for j in other]))
    torch.testing.assert_close(fusion(encoded).z, fusion.project(torch.stack(rows)))


def test_three_modalities_have_products_of_three() -> None:
    encoded = encodings(8) | {"sound": encodings(8)["text"]}
    fusion = TensorFusion(8, ["image", "text", "sound"], 2, 12)
    assert fusion.project[0].in_features == 27
    assert fusion(encoded).z.shape == (3, 8)


def test_a_width_of_0_is_refused() -> None:
    with pytest.raises(ValueError, match="width must be a whole number of 1 or more, got 0"):
        TensorFusion(8, ["image", "text"], 0, 12)
