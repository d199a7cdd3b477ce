"""What a task allows, and the share of it that a model reaches."""

from types import SimpleNamespace

import pytest
import torch

from multimodal.dataset.data import Split
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.derived import meaningless
from multimodal.evaluation.task import TaskLimits, fusion_gain, measured_limits
from multimodal.types import Limits


def test_the_gain_is_the_share_of_the_way_from_the_better_control_to_the_ceiling():
    limits = Limits(chance=0.1, image=0.5, text=0.6, both=0.8)
    assert fusion_gain(0.8, limits) == pytest.approx(1)
    assert fusion_gain(0.6, limits) == pytest.approx(0)
    assert fusion_gain(0.7, limits) == pytest.approx(0.5)
    assert fusion_gain(0.1, limits) == pytest.approx(-2.5)
    assert fusion_gain(0.4, Limits(chance=0.2, image=0.1, text=0.1, both=1.0)) == pytest.approx(0.25)


@pytest.mark.parametrize("image", [0.96, 1.0])
def test_where_a_control_reaches_the_ceiling_there_is_no_gain(image):
    assert "nothing is left" in fusion_gain(0.99, Limits(chance=0.1, image=image, text=0.5, both=1.0))


def test_what_is_not_known_gives_no_gain():
    reason = fusion_gain(0.99, Limits(chance=0.1, image="who knows", text=0.5, both=1.0))
    assert reason == "not every limit of the task is known (image_ceiling)"


class Oracle:
    """A classifier that finds the logits in the images, and keeps what it was trained on."""

    model = (torch.nn.Identity(),)

    def fit(self, train: Split, num_classes: int, augment: None, soften: bool) -> "Oracle":
        assert not soften
        assert len(train) == 8 * 4
        assert train.image[torch.arange(32)].flatten(1).unique(dim=0).shape[0] == 8  # other damages each time
        assert train.content.tolist() == 8 * [0, 1, 0, 1]
        return self

    def features_and_classes(self, image: torch.Tensor) -> tuple[torch.Tensor, None]:
        return image.flatten(1), None


def context(limits: Limits, image: torch.Tensor) -> SimpleNamespace:
    """Four test samples of two classes whose images are their logits."""
    content = torch.tensor([0, 1, 0, 1])
    split = Split((255 * image).byte()[:, None, None], torch.ones(4, 3, dtype=torch.int32), content, content)
    return SimpleNamespace(
        data=SimpleNamespace(limits=limits, splits={"train": split}, class_names=["a", "b"], augment=None),
        test=split,
        image_judge=Oracle(),
        clock=Clock(),
        correct={"both": torch.tensor([True, True, True, False])},
    )


def test_limits_of_damaged_modalities_are_those_of_the_oracle_times_the_known_text():
    posterior = torch.tensor([[0.5, 0.5], [0.0, 1.0], [0.9, 0.1], [0.5, 0.5]], dtype=torch.float64)
    image = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 0.5], [1.0, 0.0]])

    def damaged(seed: int) -> torch.Tensor:
        return torch.full((4, 1, 1, 2), seed, dtype=torch.uint8)

    made = context(
        Limits(chance=0.5, image="?", text=0.7, both="?", text_posterior=posterior, damage_again=damaged), image
    )
    assert measured_limits(made).named() == {"chance": 0.5, "ceiling": 0.75, "image_ceiling": 0.25, "text_ceiling": 0.7}
    scores = TaskLimits()(made).scores
    assert scores["fusion/gain"] == pytest.approx(1)
    assert scores["task/ceiling"] == 0.75


def test_known_limits_need_no_oracle():
    made = context(Limits(chance=0.5, image=0.5, text=0.5, both=1.0), torch.zeros(4, 2))
    del made.image_judge
    assert TaskLimits()(made).scores == {
        "task/chance": 0.5,
        "task/ceiling": 1.0,
        "task/image_ceiling": 0.5,
        "task/text_ceiling": 0.5,
        "fusion/gain": 0.5,
    }


def test_metrics_that_the_task_makes_meaningless_have_its_reason():
    scores = {"text_to_image/ssim": 0.5, "image_to_text_beam/bleu4": 0.1, "reconstruction/ssim": 0.9}
    undefined = {"text_to_image": "points", "image_to_text": "several"}
    assert meaningless(scores, undefined) == {"text_to_image/ssim": "points", "image_to_text_beam/bleu4": "several"}
