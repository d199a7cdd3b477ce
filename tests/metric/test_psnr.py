"""PSNR is scikit-image's, with a ceiling."""

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from multimodal.metric.psnr import psnr


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 9)], ids=str)
def test_equals_scikit_image(shape) -> None:
    x, y = torch.rand(2, 4, *shape, generator=torch.Generator().manual_seed(0))
    expected = [peak_signal_noise_ratio(a.numpy(), b.numpy(), data_range=1) for a, b in zip(x, y, strict=True)]
    torch.testing.assert_close(psnr(x, y), torch.tensor(expected).float(), atol=1e-4, rtol=0)


def test_equal_images_reach_the_ceiling() -> None:
    x = torch.rand(2, 1, 4, 4)
    torch.testing.assert_close(psnr(x, x), torch.full((2,), 100.0))


def test_an_error_of_a_tenth_is_twenty_decibels() -> None:
    torch.testing.assert_close(psnr(torch.full((1, 1, 4, 4), 0.3), torch.full((1, 1, 4, 4), 0.2)), torch.tensor([20.0]))


def test_half_the_error_is_six_decibels_more() -> None:
    x, error = torch.rand(2, 3, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(psnr(x, x + error / 2) - psnr(x, x + error), torch.full((3,), 6.0206))
