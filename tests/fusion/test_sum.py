"""Sum fusion."""

import pytest
import torch

from multimodal.fusion.sum import SumFusion
from tests.helpers.toy import encodings, without


def test_it_is_the_mean_over_who_is_there_written_out() -> None:
    torch.manual_seed(0)
    fusion, encoded = SumFusion(8, ["image", "text"], 12), without(encodings(8), "text", [1])
    image, text = (fusion.maps[m](encoded[m].pooled) for m in ("image", "text"))
    expected = torch.stack([(image[0] + text[0]) / 2, image[1], (image[2] + text[2]) / 2])
    torch.testing.assert_close(fusion(encoded).z, fusion.project(expected))


def test_one_modality_is_refused() -> None:
    with pytest.raises(ValueError, match="two or more different modalities, got"):
        SumFusion(8, ["image"], 12)
