"""The one-modality control."""

from dataclasses import replace

import pytest
import torch

from multimodal.fusion.single import SingleFusion
from tests.helpers.toy import encodings


@pytest.mark.parametrize(("reads", "other"), [("image", "text"), ("text", "image")])
def test_never_reads_the_other_modality(reads: str, other: str) -> None:
    fusion, encoded = SingleFusion(8, [reads], 12), encodings(8)
    without = encoded | {other: replace(encoded[other], pooled=torch.randn(3, 8), tokens=torch.randn(3, 5, 8))}
    assert torch.equal(fusion(encoded).z, fusion(without).z)
    assert not torch.allclose(fusion(encoded).z[0], fusion(encoded).z[1])  # and does read its own


def test_two_modalities_are_refused() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        SingleFusion(8, ["image", "text"], 12)
