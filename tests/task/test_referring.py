"""Grids whose pictures are flat squares: a reader of pixels and words knows which sample each cell shows."""

import numpy as np
import pytest
import torch
from torch import Tensor

from multimodal.task.referring import ReferringTask, compose, neighbours
from multimodal.types import Captions, TaskData

SIZES = {"train": 900, "validation": 200, "test": 1500}
NAMES = ["cat", "polar bear", "bear", "an owl", "dog"]
SHARES = [0.4, 0.3, 0.1, 0.1, 0.1]
WHERE = {"top": 0, "middle": 1, "bottom": 2, "left": 0, "center": 1, "right": 2}
STEPS = {"left of": (0, -1), "right of": (0, 1), "above": (-1, 0), "below": (1, 0)}


def content(classes: int) -> dict[str, Tensor]:
    rng = np.random.default_rng(1)
    p = np.array(SHARES[:classes]) / sum(SHARES[:classes])
    return {split: torch.from_numpy(rng.choice(classes, size, p=p)) for split, size in SIZES.items()}


def shade(split: str, classes: Tensor) -> Tensor:
    """A shade for each class of a split, so that a pixel tells both."""
    return 100 + 10 * classes + list(SIZES).index(split)


def made(grid: int, relational: bool, classes: int = 5, seed: int = 0, size: int = 42) -> TaskData:
    """The task on flat images."""
    pictured = content(classes)
    image = {s: shade(s, c).byte()[:, None, None, None].expand(-1, 1, size, size) for s, c in pictured.items()}
    captions = Captions({split: ["a cat"] * size for split, size in SIZES.items()}, names_class=True)
    return ReferringTask(grid, relational, 1, seed).apply(image, captions, pictured, NAMES[:classes])


def cells(image: Tensor, grid: int) -> Tensor:
    """The pixel in the middle of each cell: (N, 1, H, H) -> (N, n)."""
    cell = image.shape[-1] // grid
    places = [cell // 2 + cell * i for i in range(grid)]
    return image[:, 0, places][:, :, places].flatten(1).long()


def place(text: str, grid: int) -> int:
    """The cell that a caption names."""
    words = text.replace(",", "").split()
    row = next(WHERE[w] for w in words if w in ("top", "middle", "bottom"))
    column = next(WHERE[w] for w in words if w in ("left", "center", "right"))
    return min(row, grid - 1) * grid + min(column, grid - 1)


def beside(text: str, pictured: list[int], grid: int) -> int:
    """The cell beside the picture that a caption names."""
    side = next(side for side in STEPS if f"just {side} the " in text)
    anchor = NAMES.index(text.partition(f"just {side} the ")[2])
    assert pictured.count(anchor) == 1
    row, column = (a + b for a, b in zip(divmod(pictured.index(anchor), grid), STEPS[side], strict=True))
    return row * grid + column


@pytest.mark.parametrize("relational", [False, True])
@pytest.mark.parametrize("grid", [2, 3])
def test_a_reader_of_both_is_always_right_and_every_picture_is_of_the_split(grid, relational):
    task = made(grid, relational)
    for split in SIZES:
        pictured = cells(task.image[split], grid)
        assert set(pictured.unique().tolist()) <= set(shade(split, torch.arange(5)).tolist())
        classes = ((pictured - shade(split, torch.tensor(0))) // 10).tolist()
        for text, shown, label in zip(task.captions[split], classes, task.label[split].tolist(), strict=True):
            assert shown[beside(text, shown, grid) if relational else place(text, grid)] == label
    assert task.limits.both == 1


@pytest.mark.parametrize(("grid", "relational"), [(2, False), (3, False), (2, True)])
def test_each_modality_alone_reaches_what_is_said(grid, relational):
    """The best classifier of each alone, fitted by counting on very many samples and asked on them."""
    many = {split: content(3)[split].repeat(20) for split in SIZES}
    image = {s: shade(s, c).byte()[:, None, None, None].expand(-1, 1, 6, 6) for s, c in many.items()}
    task = ReferringTask(grid, relational, 1, 0).apply(image, Captions({}, True), many, NAMES[:3])
    label = task.label["test"].numpy()
    pictured = cells(task.image["test"], grid)
    counts = torch.stack([(pictured == shade("test", torch.tensor(k))).sum(1) for k in range(3)], 1).numpy()
    if relational:  # also where they are
        key = (((pictured - 102) // 10) * 3 ** torch.arange(grid * grid)).sum(1).numpy()
    else:
        key = (counts * [1, 100, 10000]).sum(1)
    texts = np.unique(np.array(task.captions["test"]), return_inverse=True)[1]
    assert best(key, label) == pytest.approx(task.limits.image, abs=0.01)
    assert best(texts, label) == pytest.approx(task.limits.text, abs=0.01)
    joint = posterior(key, label) * posterior(texts, label) / (np.bincount(label) / len(label))
    assert (joint.argmax(1) == label).mean() == pytest.approx(task.limits.product, abs=0.01)
    assert task.limits.image <= task.limits.product < task.limits.both


def posterior(cause: np.ndarray, label: np.ndarray) -> np.ndarray:
    """The share of each class among the samples of the same cause: (N,), (N,) -> (N, K)."""
    _, cause = np.unique(cause, return_inverse=True)
    table = np.zeros((cause.max() + 1, label.max() + 1))
    np.add.at(table, (cause, label), 1)
    return (table / table.sum(1, keepdims=True))[cause]


def best(cause: np.ndarray, label: np.ndarray) -> float:
    _, cause = np.unique(cause, return_inverse=True)
    table = np.zeros((cause.max() + 1, label.max() + 1))
    np.add.at(table, (cause, label), 1)
    return table.max(1).sum() / len(label)


def test_every_place_and_wording_occurs_and_labels_are_the_samples_own():
    task = made(2, relational=False)
    assert len(set(task.captions["train"])) == 16
    assert all(torch.equal(task.label[split], pictured) for split, pictured in content(5).items())
    assert not task.flippable
    assert not task.names_class
    assert len(set(made(3, relational=True).captions["train"])) == 3 * 4 * 5


def test_one_seed_draws_the_same_and_another_does_not():
    first, again, other = (made(2, relational=True, seed=seed) for seed in (0, 0, 1))
    assert first.captions == again.captions
    assert torch.equal(first.image["test"], again.image["test"])
    assert np.mean([a == b for a, b in zip(first.captions["test"], other.captions["test"], strict=True)]) < 0.2


def test_a_neighbour_of_two_classes_tells_the_answer_and_is_refused():
    with pytest.raises(ValueError, match=r"task\.relational=true needs three classes"):
        made(2, relational=True, classes=2)
    assert made(2, relational=False, classes=2).limits.both == 1


def test_small_pictures_are_warned_of_and_impossible_ones_refused(caplog):
    made(2, relational=False, size=28)
    assert not caplog.messages
    made(3, relational=False, size=28)
    assert "leaves 9 pixels for a picture" in caplog.text
    assert "dataset.image_size=42 gives 14" in caplog.text
    with pytest.raises(ValueError, match=r"task\.grid=2 does not fit"):
        made(2, relational=False, size=1)


@pytest.mark.parametrize(
    ("changed", "message"), [({"grid": 4}, "task.grid must be one of 2, 3"), ({"relational": 1}, "true or false")]
)
def test_wrong_settings_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        ReferringTask(**{"grid": 2, "relational": False, "draws": 1, "seed": 0} | changed)


def test_cells_stand_in_reading_order_and_all_pixels_keep_their_place():
    image = torch.arange(4, dtype=torch.uint8)[:, None, None, None].mul(60).expand(-1, 3, 7, 7)
    canvas = compose(image, torch.tensor([[0, 1, 2, 3]]), 2)
    assert canvas.shape == (1, 3, 7, 7)
    assert canvas[0, 0, [1, 1, 4, 4], [1, 4, 1, 4]].tolist() == [0, 60, 120, 180]
    assert canvas[0, 0, 6].tolist() == [0] * 7  # left over


def test_neighbours_share_a_side():
    assert len(neighbours(2)) == 8
    assert len(neighbours(3)) == 24
    assert (0, 4) not in neighbours(3)
