import numpy as np
import pytest
import torch
from scipy.stats import binom, chi2_contingency, chisquare
from torch import Tensor

from multimodal.task.synergy import SynergyTask, phrases
from multimodal.types import Captions, TaskData

CLASSES = [2, 3, 10, 12]
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "11"]
SIZES = {"train": 6000, "validation": 1200, "test": 6000}


def content(classes: int) -> dict[str, Tensor]:
    """As many of each class, in order."""
    return {split: torch.arange(size) % classes for split, size in SIZES.items()}


def told(classes: int, seed: int = 0) -> TaskData:
    """Operations for these samples, which had other captions."""
    captions = Captions({split: ["a thin seven"] * size for split, size in SIZES.items()}, names_class=True)
    image = {split: torch.zeros(size, 1, 2, 2, dtype=torch.uint8) for split, size in SIZES.items()}
    return SynergyTask(1, seed).apply(image, captions, content(classes), [f"class {k}" for k in range(classes)])


def shifts(captions: list[str], classes: int) -> np.ndarray:
    """Read back from the words, as a person would."""
    if classes == 2:
        return np.array([caption.split().count("other") for caption in captions])
    return np.array([NUMBERS.index(caption.split()[-1]) for caption in captions])


@pytest.mark.parametrize("classes", CLASSES)
def test_the_label_is_the_pictured_class_moved_on_by_what_the_caption_says(classes):
    made = told(classes)
    for split, pictured in content(classes).items():
        shift = shifts(made.captions[split], classes)
        assert set(shift) == set(range(classes))
        assert made.label[split].tolist() == ((pictured.numpy() + shift) % classes).tolist()
    assert not made.names_class
    assert made.label["train"].dtype == torch.int64


@pytest.mark.parametrize("classes", CLASSES)
def test_a_caption_is_one_phrase_for_one_shift_and_tells_nothing_else(classes):
    assert len(set(phrases(classes))) == classes
    assert len({caption for captions in told(classes).captions.values() for caption in captions}) == classes
    assert all(len(phrase.split()) <= 7 for phrase in phrases(classes))  # dataset.max_words of the digits cuts none


@pytest.mark.parametrize("classes", CLASSES)
def test_the_shift_is_uniform_and_independent_of_the_content(classes):
    made = told(classes)
    for split, pictured in content(classes).items():
        shift = shifts(made.captions[split], classes)
        assert chisquare(np.bincount(shift, minlength=classes)).pvalue > 0.001
        seen = np.zeros((classes, classes))
        np.add.at(seen, (pictured.numpy(), shift), 1)
        assert chi2_contingency(seen).pvalue > 0.001


def best(cause: np.ndarray, label: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The answers of the best classifier of `cause` alone, fitted by counting."""
    answer = {value: np.bincount(label[cause == value]).argmax() for value in np.unique(cause)}
    return np.array([answer[value] for value in asked])


@pytest.mark.parametrize("classes", CLASSES)
def test_neither_modality_alone_beats_chance_and_both_together_do(classes):
    made, pictured = told(classes), content(classes)
    label = {split: made.label[split].numpy() for split in SIZES}
    image = {split: pictured[split].numpy() for split in SIZES}
    text = {split: shifts(made.captions[split], classes) for split in SIZES}
    low, high = binom.interval(0.99, SIZES["test"], 1 / classes)
    for alone in (image, text):
        right = (best(alone["train"], label["train"], alone["test"]) == label["test"]).sum()
        assert low <= right <= high
    both = {split: image[split] * classes + text[split] for split in SIZES}
    assert (best(both["train"], label["train"], both["test"]) == label["test"]).all()


@pytest.mark.parametrize("classes", CLASSES)
def test_the_limits_say_so(classes):
    limits = told(classes).limits
    assert limits.both == 1
    assert limits.image == 1 / classes
    assert limits.text == pytest.approx(1 / classes, abs=0.001)
    assert limits.chance == pytest.approx(1 / classes, abs=0.03)
    assert limits.product == limits.text


def test_one_seed_draws_the_same_and_another_does_not():
    assert told(10).captions == told(10).captions
    assert all(torch.equal(told(10).label[split], told(10).label[split]) for split in SIZES)
    first, other = told(10, seed=0).captions, told(10, seed=1).captions
    for split in SIZES:
        same = np.mean([a == b for a, b in zip(first[split], other[split], strict=True)])
        assert same < 0.15  # a tenth by chance


def test_no_split_repeats_the_draws_of_another_also_of_another_seed():
    drawn = [shifts(told(10, seed).captions[split], 10)[:1200] for seed in (0, 1, 2) for split in SIZES]
    for i, a in enumerate(drawn):
        for b in drawn[:i]:
            assert (a == b).mean() < 0.15


def test_one_class_is_no_task():
    with pytest.raises(ValueError, match="two classes or more"):
        SynergyTask(1, 0).apply({}, Captions({"train": ["a"]}, True), {"train": torch.tensor([0])}, ["cat"])
