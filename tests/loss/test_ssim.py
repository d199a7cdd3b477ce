"""SSIM is scikit-image's, and something to learn from."""

import pytest
import torch
from skimage.metrics import structural_similarity

from multimodal.loss.ssim import ssim

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 13, 40), (3, 41, 17), (3, 11, 20)]


def pairs(kind: str, shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Four pairs of images (4, C, H, W) in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    x, noise = (torch.rand(4, *shape, generator=generator) for _ in range(2))
    smooth = torch.linspace(0, 1, shape[-1]).expand(4, *shape)
    return {
        "unrelated": (x, noise),
        "alike": (x, 0.9 * x + 0.1 * noise),
        "inverted": (x, 1 - x),
        "smooth": (smooth, (smooth + 0.05 * noise).clamp(max=1)),
        "nearly flat": (1 - 0.01 * x, 1 - 0.01 * noise),  # where float32 loses the variance first
    }[kind]


def reference(x: torch.Tensor, y: torch.Tensor) -> list[float]:
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    return [
        structural_similarity(a.double().numpy(), b.double().numpy(), channel_axis=0, **settings)
        for a, b in zip(x, y, strict=True)
    ]


@pytest.mark.parametrize("kind", ["unrelated", "alike", "inverted", "smooth", "nearly flat"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_scikit_image(shape, kind) -> None:
    x, y = pairs(kind, shape)
    torch.testing.assert_close(ssim(x, y), torch.tensor(reference(x, y)).float(), atol=1e-4, rtol=0)


def test_equal_images_score_one_and_inverted_ones_below_zero() -> None:
    x, inverted = pairs("inverted", (3, 16, 20))
    torch.testing.assert_close(ssim(x, x), torch.ones(4))
    assert (ssim(x, inverted) < 0).all()


def test_order_of_the_two_does_not_matter() -> None:
    x, y = pairs("alike", (3, 16, 20))
    torch.testing.assert_close(ssim(x, y), ssim(y, x))


def test_gradient_is_the_finite_difference() -> None:
    x, y = (image[:1, :, :12, :11].double() for image in pairs("alike", (1, 28, 28)))
    assert torch.autograd.gradcheck(lambda image: ssim(image, y), x.clone().requires_grad_())


@pytest.mark.parametrize("shape", [(1, 10, 28), (1, 28, 10)], ids=str)
def test_an_image_smaller_than_the_window_is_refused(shape) -> None:
    with pytest.raises(ValueError, match="10"):
        ssim(torch.rand(1, *shape), torch.rand(1, *shape))
