"""PSNR: a value for each image, on images in [0, 1], with our ceiling."""

import torch

from multimodal.metric.psnr import psnr


def test_an_error_of_a_tenth_is_twenty_decibels_in_whatever_company() -> None:
    """Not of the batch as a whole, and whatever range its values span."""
    target = torch.tensor([0.2, 0.5, 0.5]).view(3, 1, 1, 1).expand(3, 3, 4, 4)
    preds = target + torch.tensor([0.1, 0.01, 0.5]).view(3, 1, 1, 1)
    torch.testing.assert_close(psnr(preds, target), torch.tensor([20.0, 40.0, 6.0206]))


def test_equal_images_reach_the_ceiling() -> None:
    x = torch.rand(2, 1, 4, 4)
    assert torch.equal(psnr(x, x), torch.full((2,), 100.0))
    assert torch.equal(psnr(x, x + 1e-6), torch.full((2,), 100.0))
