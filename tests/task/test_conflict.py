"""Flat images whose shade is their class: a reader of pixels, border and words knows what each side says."""

import numpy as np
import pytest
import torch
from torch import Tensor

from multimodal.task.conflict import ConflictTask, with_border
from multimodal.types import Captions, TaskData

SIZES = {"train": 500, "validation": 100, "test": 6000}
NAMES = ["cat", "polar bear", "owl"]


def content() -> dict[str, Tensor]:
    rng = np.random.default_rng(0)
    return {split: torch.from_numpy(rng.choice(3, size, p=[0.5, 0.3, 0.2])) for split, size in SIZES.items()}


def made(share: float = 0.6, seed: int = 0) -> TaskData:
    image = {s: (50 + 10 * c).byte()[:, None, None, None].expand(-1, 3, 18, 18) for s, c in content().items()}
    return ConflictTask(share, 1, seed).apply(image, Captions({}, names_class=True), content(), NAMES)


def read(task: TaskData, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(class of the image, whether it is marked, class of the caption, whether it is marked), each (N,)."""
    image, texts = task.image[split], task.captions[split]
    names = [text.removeprefix("perhaps ").removeprefix("an ").removeprefix("a ") for text in texts]
    hedged = np.array([text.startswith("perhaps ") for text in texts])
    return (
        ((image[:, 0, 9, 9].long() - 50) // 10).numpy(),
        (image[:, 0, 0] == 255).any(1).numpy(),
        np.array([NAMES.index(name) for name in names]),
        hedged,
    )


def test_who_trusts_the_side_that_is_not_marked_is_always_right():
    task = made()
    for split, label in task.label.items():
        image, bordered, text, hedged = read(task, split)
        assert torch.equal(label, content()[split])
        assert (np.where(bordered, text, image) == label.numpy()).all()
        assert not (bordered & hedged).any()
        assert (image == task.content[split].numpy()).all()
    assert task.limits.both == 1


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_each_side_alone_reaches_what_is_said_and_is_marked_as_often_as_asked(share):
    task = made(share)
    label = task.label["test"].numpy()
    image, bordered, text, hedged = read(task, "test")
    for said, marked, limit in ((image, bordered, task.limits.image), (text, hedged, task.limits.text)):
        assert marked.mean() == pytest.approx(share / 2, abs=0.02)
        assert (np.where(marked, 0, said) == label).mean() == limit  # 0 is the most frequent class
        # what a marked side says tells nothing: the best answer given it is the most frequent class, whatever it says
        assert all(np.bincount(label[marked & (said == k)]).argmax() == 0 for k in range(3))


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_the_product_of_calibrated_answers_from_each_side_is_always_right(share):
    """Each side's answer fitted by counting: a share of every class for what it says, and whether it is marked."""
    task = made(share)
    label = task.label["test"].numpy()
    image, bordered, text, hedged = read(task, "test")
    posterior = [counted(said + 3 * marked, label) for said, marked in ((image, bordered), (text, hedged))]
    product = posterior[0] * posterior[1] / (np.bincount(label) / len(label))
    assert (product.argmax(1) == label).mean() == task.limits.product == task.limits.both == 1


def counted(cause: np.ndarray, label: np.ndarray) -> np.ndarray:
    """The share of each class among the samples of the same cause: (N,), (N,) -> (N, 3)."""
    table = np.zeros((cause.max() + 1, 3))
    np.add.at(table, (cause, label), 1)
    return (table / table.sum(1, keepdims=True).clip(1))[cause]


def test_one_seed_draws_the_same_and_another_does_not():
    first, again, other = made(), made(), made(seed=1)
    assert first.captions == again.captions
    assert torch.equal(first.image["test"], again.image["test"])
    assert first.captions != other.captions


def test_a_border_marks_any_picture_and_leaves_the_middle():
    for shade in (0, 128, 255):
        image = torch.full((2, 1, 28, 28), shade, dtype=torch.uint8)
        marked = with_border(image, torch.tensor([True, False]))
        assert torch.equal(marked[1], image[1])
        assert (marked[0] != image[0]).sum() > 100
        assert torch.equal(marked[0, :, 3:-3, 3:-3], image[0, :, 3:-3, 3:-3])


@pytest.mark.parametrize("share", [0, 1.5, "half"])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match=r"task\.share must be a number"):
        ConflictTask(share, 1, 0)
