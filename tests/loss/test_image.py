"""Reconstruction losses against loops and scikit-image."""

import pytest
import torch
from skimage.metrics import structural_similarity

from multimodal.loss.image import ImageDissimilarity, ImageSquaredError
from multimodal.types import Output


def output(image: torch.Tensor) -> Output:
    nothing = torch.zeros(1)
    return Output(nothing, image, nothing, {}, {})


def random_image(batch) -> torch.Tensor:
    noise = torch.rand(batch.image.shape, generator=torch.Generator().manual_seed(1))
    return 0.7 * batch.image + 0.3 * noise


def test_squared_error_is_the_mean_over_pixels(batch) -> None:
    image = random_image(batch)
    errors = [(a - b) ** 2 for a, b in zip(image.flatten().tolist(), batch.image.flatten().tolist(), strict=True)]
    assert float(ImageSquaredError()(output(image), batch)) == pytest.approx(sum(errors) / len(errors), rel=1e-5)


def test_dissimilarity_is_one_minus_the_mean_ssim(batch) -> None:
    image = random_image(batch)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    scores = [
        structural_similarity(a[0].numpy(), b[0].numpy(), **settings) for a, b in zip(image, batch.image, strict=True)
    ]
    expected = 1 - sum(scores) / len(scores)
    assert float(ImageDissimilarity()(output(image), batch)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("loss", [ImageSquaredError(), ImageDissimilarity()])
def test_equal_images_cost_nothing_and_a_step_downhill_helps(batch, loss) -> None:
    assert float(loss(output(batch.image), batch)) == pytest.approx(0, abs=1e-5)
    image = random_image(batch).requires_grad_()
    before = loss(output(image), batch)
    before.backward()
    after = loss(output(image.detach() - image.grad), batch)
    assert after < before
