"""What a task allows, and the share of it that a model reaches."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from multimodal.dataset.data import Split
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.derived import meaningless
from multimodal.evaluation.task import TaskLimits, fusion_gain, measured_limits, warn_above_oracle
from multimodal.types import Limits


def hits(right: int, of: int = 10) -> torch.Tensor:
    """The first samples are right."""
    return torch.arange(of) < right


def known(image: float | str, text: float, both: float = 1.0, chance: float = 0.1) -> Limits:
    return Limits(chance=chance, image=image, text=text, both=both, product=both)


def test_the_gain_is_the_share_of_the_way_from_the_better_control_to_the_ceiling():
    limits = known(0.5, 0.6, both=0.8)
    gains = [fusion_gain(hits(right), limits)["fusion/gain"] for right in (8, 6, 7, 1)]
    assert gains == pytest.approx([1, 0, 0.5, -2.5])
    assert fusion_gain(hits(4), known(0.1, 0.1, chance=0.2))["fusion/gain"] == pytest.approx(0.25)


def test_the_error_of_the_gain_is_that_of_the_accuracy_in_units_of_the_room():
    scores = fusion_gain(hits(90, of=100), known(0.85, 0.5))
    assert scores["task/room"] == pytest.approx(0.15)
    assert scores["fusion/gain"] == pytest.approx(1 / 3)
    assert scores["fusion/gain_se"] == pytest.approx((0.9 * 0.1 / 100) ** 0.5 / 0.15)


@pytest.mark.parametrize("image", [0.96, 1.0])
def test_where_a_control_reaches_the_ceiling_there_is_no_gain(image):
    scores = fusion_gain(hits(9), known(image, 0.5))
    assert "nothing is left" in scores["fusion/gain"]
    assert "nothing is left" in scores["fusion/gain_se"]
    assert scores["task/room"] == pytest.approx(1 - image)


def test_what_is_not_known_gives_no_gain():
    scores = fusion_gain(hits(9), known("who knows", 0.5))
    names = ("fusion/gain", "fusion/gain_se", "task/room")
    assert scores == dict.fromkeys(names, "not every limit of the task is known (image_ceiling)")


class Oracle:
    """A classifier that finds the logits in the images, and keeps what it was trained on."""

    model = (torch.nn.Identity(),)

    def fit(self, train: Split, num_classes: int, augment: None, soften: bool, device: torch.device) -> "Oracle":
        assert not soften
        assert train.content.tolist() == [0, 1, 0, 1]
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
        device=torch.device("cpu"),
    )


def test_limits_of_damaged_modalities_are_those_of_the_oracle_times_the_known_text():
    posterior = torch.tensor([[0.5, 0.5], [0.0, 1.0], [0.9, 0.1], [0.5, 0.5]], dtype=torch.float64)
    image = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 0.5], [1.0, 0.0]])

    limits = Limits(0.2, image="?", text=0.7, both="?", product="?", text_posterior=posterior)
    made = context(limits, image)
    expected = {"chance": 0.2, "ceiling": 0.75, "image_ceiling": 0.25, "text_ceiling": 0.7, "product_ceiling": 0.75}
    assert measured_limits(made).named() == expected
    scores = TaskLimits()(made).scores
    assert scores["fusion/gain"] == pytest.approx(1)
    assert scores["task/ceiling"] == 0.75
    assert scores["task/ceiling_measured"] == 1
    better = replace(limits, chance=0.3, text=0.8)  # an oracle after few steps, worse than one modality alone
    found = measured_limits(context(better, image))
    assert (found.image, found.both, found.product) == (0.3, 0.8, 0.8)


def test_a_model_that_is_better_than_the_oracle_is_warned_of(caplog):
    warn_above_oracle(hits(83, of=100), 0.75)  # an error of 4.3 points
    assert not caplog.messages
    warn_above_oracle(hits(84, of=100), 0.75)
    assert "the accuracy with both, 0.840, is above the oracle's, 0.750: task/ceiling is a lower bound" in caplog.text


def test_known_limits_need_no_oracle():
    made = context(known(0.5, 0.5, chance=0.5), torch.zeros(4, 2))
    del made.image_judge
    assert TaskLimits()(made).scores == {
        "task/chance": 0.5,
        "task/ceiling": 1.0,
        "task/image_ceiling": 0.5,
        "task/text_ceiling": 0.5,
        "task/product_ceiling": 1.0,
        "task/ceiling_measured": 0.0,
        "task/room": 0.5,
        "fusion/gain": 0.5,
        "fusion/gain_se": pytest.approx((0.75 * 0.25 / 4) ** 0.5 / 0.5),
    }


def test_metrics_that_the_task_makes_meaningless_have_its_reason():
    scores = {"text_to_image/ssim": 0.5, "image_to_text_beam/bleu4": 0.1, "reconstruction/ssim": 0.9}
    undefined = {"text_to_image": "points", "image_to_text": "several"}
    assert meaningless(scores, undefined) == {"text_to_image/ssim": "points", "image_to_text_beam/bleu4": "several"}
