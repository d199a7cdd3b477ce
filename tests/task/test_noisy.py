"""Damages of known strength, and what an ideal reader of the captions makes of them."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from multimodal.task.noisy import NOTHING, NoisyTask, describe, text_posterior
from multimodal.types import Captions, TaskData
from tests.helpers.toy import composed

SIZES = {"train": 600, "validation": 100, "test": 4000}
NAMES = ["cat", "polar bear", "bear", "owl"]
GRADES = {
    "blur": [0.0, 0.0],
    "covered": [0.0, 0.5],
    "noise": [0.0, 0.0],
    "one_class": [0.5, 0.3],
    "no_class": [0.0, 0.2],
}


def noisy(severity: int = 1, seed: int = 0, right_first: float = 0.7, **changed: list[float]) -> NoisyTask:
    return NoisyTask(severity=severity, seed=seed, right_first=right_first, draws=1, **GRADES | changed)


def content(classes: int) -> dict[str, Tensor]:
    rng = np.random.default_rng(0)
    p = np.arange(1, classes + 1) / np.arange(1, classes + 1).sum()
    return {split: torch.from_numpy(rng.choice(classes, size, p=p)) for split, size in SIZES.items()}


def made(task: NoisyTask, classes: int = 4) -> TaskData:
    image = {split: torch.full((size, 1, 8, 8), 200, dtype=torch.uint8) for split, size in SIZES.items()}
    return task.apply(image, Captions({}, names_class=True), content(classes), NAMES[:classes])


def named(text: str, names: list[str]) -> list[str]:
    """The classes that a caption leaves possible, as a person would read it."""
    if text == NOTHING:
        return names
    return [part.removeprefix("an ").removeprefix("a ") for part in text.split(" or ")]


@pytest.mark.parametrize("classes", [2, 4])
def test_a_reader_of_the_captions_is_as_often_right_as_is_said(classes):
    task, names = made(noisy(), classes), NAMES[:classes]
    train = content(classes)["train"].bincount()
    counts = dict(zip(names, train.tolist(), strict=True))
    answer = [best(text, counts) for text in task.captions["test"]]
    right = np.mean([names[label] == name for label, name in zip(task.label["test"].tolist(), answer, strict=True)])
    assert right == pytest.approx(task.limits.text, abs=0.02)
    assert all(
        names[k] in named(text, names) for k, text in zip(task.label["test"], task.captions["test"], strict=True)
    )


def best(text: str, counts: dict[str, int]) -> str:
    """The most likely class by the training samples; the first of two is the right one 7 times of 10."""
    candidates = named(text, list(counts))
    weights = [0.7, 0.3] if " or " in text else [1] * len(candidates)
    return max(zip(candidates, weights, strict=True), key=lambda pair: pair[1] * counts[pair[0]])[0]


def test_with_equal_classes_the_first_of_two_candidates_is_right_as_often_as_asked():
    even = {split: torch.arange(size) % 4 for split, size in SIZES.items()}
    image = {split: torch.zeros(size, 1, 8, 8, dtype=torch.uint8) for split, size in SIZES.items()}
    limits = noisy().apply(image, Captions({}, names_class=True), even, NAMES).limits
    assert limits.text == pytest.approx(0.3 + 0.5 * 0.7 + 0.2 / 4, abs=0.02)
    assert limits.chance == 0.25


def test_captions_are_of_each_kind_as_often_as_asked():
    texts = made(noisy()).captions["test"]
    assert np.mean([text == NOTHING for text in texts]) == pytest.approx(0.2, abs=0.02)
    assert np.mean([" or " in text for text in texts]) == pytest.approx(0.5, abs=0.02)
    pairs = [text for text in texts if " or " in text]
    assert np.mean([text.endswith("an owl") or text.startswith("an owl") for text in pairs]) > 0.3
    assert not [text for text in pairs if len(set(named(text, NAMES))) == 1]


def test_the_posterior_is_bayes():
    prior = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    posterior = text_posterior(torch.tensor([[0, 2], [2, 0], [1, 1], [-1, -1]]), prior, 0.7)
    first, second = [0.5 * 0.7, 0, 0.2 * 0.3], [0.5 * 0.3, 0, 0.2 * 0.7]
    rows = [[p / sum(row) for p in row] for row in (first, second)]
    torch.testing.assert_close(posterior, torch.tensor([*rows, [0, 1, 0], [0.5, 0.3, 0.2]]).double())
    assert describe(torch.tensor([[1, 3]]), NAMES) == ["a polar bear or an owl"]


def test_half_of_every_image_is_covered_from_any_side():
    image = made(noisy()).image["test"][:, 0]
    hidden = image == 128
    assert (hidden.sum((1, 2)) == 32).all()
    assert len({tuple(h.flatten().tolist()) for h in hidden}) == 4
    assert (image[~hidden] == 200).all()


def test_blur_and_noise_are_as_strong_as_asked():
    point = torch.zeros(1, 1, 41, 41, dtype=torch.uint8)
    point[:, :, 20, 20] = 255
    blurred = noisy(0, blur=[0.05, 0.0]).damage(point, torch.Generator())[0, 0].double()
    across = blurred.sum(0) / blurred.sum()
    place = torch.arange(41) - 20.0
    assert (across * place**2).sum().sqrt() == pytest.approx(0.05 * 41, rel=0.2)
    flat = torch.full((4, 1, 41, 41), 127, dtype=torch.uint8)
    assert noisy(0, noise=[0.1, 0.0]).damage(flat, torch.Generator()).double().std() == pytest.approx(25.5, rel=0.05)


def test_noise_has_the_same_grains_in_a_larger_image_and_no_colour():
    """So a model cannot average it out where there are more pixels or channels."""
    flat = torch.full((1, 3, 56, 56), 127, dtype=torch.uint8)
    image = noisy(0, noise=[0.1, 0.0]).damage(flat, torch.Generator().manual_seed(0))[0]
    assert (image == image[:1]).all()
    grains = image[0].unfold(0, 2, 2).unfold(1, 2, 2).flatten(2)  # (28, 28, 4)
    assert (grains == grains[:, :, :1]).all()
    assert grains[:, :, 0].double().std() == pytest.approx(25.5, rel=0.1)


def test_nothing_is_damaged_at_grades_of_zero():
    clean = made(noisy(0, one_class=[1.0, 1.0], no_class=[0.0, 0.0]))
    assert (clean.image["test"] == 200).all()
    assert clean.limits.text == 1
    assert set(clean.captions["test"]) == {"a cat", "a polar bear", "a bear", "an owl"}


def test_of_two_classes_each_kind_of_caption_tells_something_else():
    """The certainty of the best answer: alone, the one named first, the one named second or none."""
    posterior = made(noisy(), 2).limits.text_posterior
    assert len({tuple(row) for row in posterior.mul(1e6).round().tolist()}) == 5


def test_the_text_limit_is_of_what_training_tells_scored_on_test():
    """Where nothing is named, the answer is the most frequent training class, whatever is frequent in test."""
    rare = {"train": torch.tensor([0, 0, 1, 2, 3]), "test": torch.tensor([1] * 3 + [0])}
    image = {split: torch.zeros(len(c), 1, 8, 8, dtype=torch.uint8) for split, c in rare.items()}
    silent = noisy(0, one_class=[0.0, 0.0], no_class=[1.0, 1.0])
    limits = silent.apply(image, Captions({}, names_class=True), rare, NAMES).limits
    assert limits.text == limits.chance == 0.25


def test_one_seed_draws_the_same_and_another_does_not():
    first, again, other = (made(noisy(seed=seed)) for seed in (0, 0, 1))
    assert first.captions == again.captions
    assert torch.equal(first.image["test"], again.image["test"])
    assert first.captions != other.captions
    assert not torch.equal(first.image["test"], other.image["test"])


def test_a_higher_severity_tells_less():
    settings = {name: list(composed("task=noisy").task[name]) for name in GRADES}
    texts = [made(noisy(grade, **settings)).limits.text for grade in range(5)]
    assert texts == sorted(texts, reverse=True)
    steps = [a - b for a, b in pairwise(texts)]
    assert max(steps) < 2 * min(steps)
    for name in ("blur", "covered", "noise", "no_class"):
        assert settings[name] == sorted(settings[name])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"severity": 2}, "task.severity must be a whole number from 0 to 1"),
        ({"noise": [0.1]}, "every grade needs a number in each of these lists"),
        ({"covered": [0.1, 2.0]}, "task.covered.1 must be a number"),
        ({"right_first": 1.5}, "task.right_first must be a number"),
        ({"one_class": [0.5, 0.9]}, "must sum to 1 at most, got 0.9 and 0.2 at task.severity=1"),
    ],
)
def test_wrong_settings_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        noisy(**changed)
