"""The up-convolution head."""

import pytest
import torch

from multimodal.head.image.upconv import UpConv, upsampling_plan


@pytest.mark.parametrize("size", [4, 12, 16, 20, 28, 36, 44, 64, 96])
def test_draws_any_multiple_of_four(size: int) -> None:
    image = UpConv(8, 3, size, 8)(torch.randn(2, 8))
    assert image.shape == (2, 3, size, size)
    assert 0 <= image.min() <= image.max() <= 1


def test_it_is_a_coarse_image_and_what_the_convolutions_add() -> None:
    torch.manual_seed(0)
    head, z = UpConv(8, 3, 28, 8), torch.randn(2, 8)
    logit = head(z).logit()
    coarse = torch.nn.functional.interpolate(head.coarse[:2](z), 28, mode="bilinear")
    drawn = head.to_image(head.blocks(head.start(z)))
    torch.testing.assert_close(logit, coarse + drawn, atol=1e-4, rtol=1e-4)
    assert drawn.std() > 1e-2
    assert drawn.min() < 0 < drawn.max()


def test_starts_from_a_small_map() -> None:
    assert upsampling_plan(28) == (7, 2)
    assert upsampling_plan(64) == (4, 4)


@pytest.mark.parametrize("size", [0, 2, 30])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        UpConv(8, 3, size, 8)
