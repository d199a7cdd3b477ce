"""Low-rank fusion."""

import pytest
import torch

from multimodal.fusion.low_rank import LowRankFusion
from tests.helpers.toy import encodings, without


def test_it_is_the_full_tensor_of_interactions_times_a_tensor_of_low_rank() -> None:
    torch.manual_seed(0)
    fusion, encoded = LowRankFusion(4, ["image", "text"], 3, 5), without(encodings(4), "image", [2])
    weights = torch.einsum("r,rih,rjh->ijh", fusion.weight, fusion.factors["image"], fusion.factors["text"])
    one = torch.ones(3, 1)
    x = torch.cat([encoded["image"].pooled * torch.tensor([[1.0], [1.0], [0.0]]), one], dim=1)
    y = torch.cat([encoded["text"].pooled, one], dim=1)
    full = torch.einsum("bi,bj,ijh->bh", x, y, weights) + fusion.bias
    torch.testing.assert_close(fusion(encoded).z, fusion.project(full), atol=1e-5, rtol=1e-4)


def test_a_rank_of_0_is_refused() -> None:
    with pytest.raises(ValueError, match="rank must be a whole number from 1 to 1000, got 0"):
        LowRankFusion(8, ["image", "text"], 0, 12)


@pytest.mark.parametrize("hidden", [16, 256])
@pytest.mark.parametrize("absent", [None, "image", "text"])
def test_at_the_start_what_is_normalised_is_far_above_the_norms_epsilon(absent: str | None, hidden: int) -> None:
    """Else the layer norm would not bring it to 1, and a fusion started fainter than the others."""
    torch.manual_seed(0)
    fusion, encoded = LowRankFusion(64, ["image", "text"], 4, hidden), encodings(64)
    if absent is not None:
        encoded = without(encoded, absent, [0, 1, 2])
    captured = []
    fusion.project[0].register_forward_hook(lambda module, given, out: captured.append(out))
    fusion(encoded)
    assert float(captured[0].detach().std()) == pytest.approx(1.0, abs=0.05)
