"""What an evaluation computes on a GPU, tested without one: fake tensors refuse to mix devices, and have no values."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from multimodal.dataset.preparing.augment import Augment
from multimodal.judge.image import ImageJudge, averaged, blurred
from multimodal.loss.ssim import ssim
from multimodal.metric.kid import squared_discrepancy
from multimodal.metric.psnr import psnr

GPU = torch.device("cuda", 0)
pytestmark = pytest.mark.usefixtures("autograd_begun")
COMPUTED = {
    "ssim": lambda image: ssim(image, image),
    "psnr": lambda image: psnr(image, image),
    "kid": lambda image: squared_discrepancy(image.flatten(1)[torch.arange(6)].double(), image.flatten(1).double()),
    "averaged": lambda image: averaged(image, torch.zeros(6, dtype=torch.int64, device=GPU), 3),
    "blurred": lambda image: blurred(image, 2),
    "augment": lambda image: Augment(0.04, 1, 0.1, True)(image, torch.rand(6, 5)),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_it_is_computed_where_the_images_are(name: str) -> None:
    with FakeTensorMode():
        assert COMPUTED[name](torch.empty(6, 3, 28, 28, device=GPU)).device == GPU


def test_the_judge_takes_images_from_anywhere_and_answers_on_the_cpu(tmp_path) -> None:
    judge = ImageJudge(1, 1, 0.1, str(tmp_path))
    judge.device = GPU
    with FakeTensorMode():
        judge.model = nn.Sequential(nn.Flatten(), nn.Linear(588, 4, device=GPU), nn.Linear(4, 2, device=GPU))
        for place in (GPU, torch.device("cpu")):
            features, classes = judge.features_and_classes(torch.empty(6, 3, 14, 14, device=place))
            assert features.device == classes.device == torch.device("cpu")
            assert (features.shape, classes.shape) == ((6, 4), (6,))
