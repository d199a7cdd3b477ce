"""What every task owes, found by its file in conf/task: on both datasets, and on data with class names of their own."""

from itertools import combinations

import pytest
import torch
from datasets import Dataset, DatasetDict
from hydra.utils import instantiate

from multimodal.dataset.data import Data
from multimodal.runs.settings import check_settings
from tests.helpers.datasets import prepared, square, table
from tests.helpers.toy import composed, options

TASKS = options("task")
NAMES = ["polar bear", "bear", "schwarzer Bär", "owl"]
FIRST = {"train": 0, "test": 120}  # shades of the pictures, by split


def rows(split: str, count: int) -> Dataset:
    """Flat pictures; every split has its own shades."""
    numbers = [FIRST[split] + i for i in range(count)]
    return table([square(i) for i in numbers], [i % 4 for i in numbers], ["some bear"] * count, classes=NAMES)


def own_data(task: str, *overrides: str, seed: int = 0) -> Data:
    """Data with class names of several words, as this task asks of them."""
    settings = composed(f"task={task}", f"dataset.seed={seed}", *overrides).task
    made = instantiate(settings, _convert_="all")
    splits = DatasetDict(train=rows("train", 120), test=rows("test", 100))
    return prepared(splits, task=made, seed=seed, image_size=28)


@pytest.mark.parametrize("dataset", options("dataset"))
@pytest.mark.parametrize("task", TASKS)
def test_it_composes_with_every_dataset_and_its_settings_pass(task, dataset):
    cfg = composed(f"task={task}", f"dataset={dataset}", "dataset.source=embedded")
    check_settings(cfg)
    assert cfg.dataset.task == cfg.task


@pytest.mark.parametrize("task", TASKS)
def test_own_data_are_asked_whole_questions(task):
    data = own_data(task)
    if task != "redundant":
        assert max(data.card["captions"][split]["cut"] for split in data.splits) == 0  # dataset.max_words is 4
        assert data.grammar is None
    for split in data.splits.values():
        assert split.image[:1].dtype == torch.uint8
        assert split.image.shape[1:] == (1, 28, 28)
        assert len(split.image) == len(split.tokens) == len(split.label) == len(split.content)
        assert split.label.max() < len(NAMES)
    limits = data.card["task"]
    numbers = [value for value in limits.values() if isinstance(value, float)]
    assert all(0 < value <= 1 for value in numbers)
    known = {name: value for name, value in limits.items() if isinstance(value, float)}
    if "ceiling" in known:
        assert all(value <= known["ceiling"] for value in numbers)


@pytest.mark.parametrize("task", TASKS)
def test_one_seed_gives_the_same_data(task):
    assert own_data(task).fingerprint == own_data(task).fingerprint
    assert own_data(task).fingerprint != own_data(task, seed=1).fingerprint


@pytest.mark.parametrize("task", [task for task in TASKS if task != "noisy"])  # its noise moves every shade
def test_no_split_shows_a_picture_of_another(task):
    data = own_data(task)
    test, train = (data.splits[split].image[:][:, :, 4:-4, 4:-4] for split in ("test", "train"))
    assert test[test > 0].min() >= FIRST["test"]
    assert train.max() < FIRST["test"]
    validation = data.splits["validation"].image[:][:, :, 4:-4, 4:-4]
    assert not set(validation.unique().tolist()) & set(train.unique().tolist()) - {0}


@pytest.mark.parametrize("task", [task for task in TASKS if task != "redundant"])
def test_only_training_pictures_are_drawn_several_times_and_never_alike(task):
    data = own_data(task)
    once = own_data(task, "task.draws=1")
    train, rounds = data.splits["train"], composed(f"task={task}").task.draws
    assert {split: len(part) for split, part in data.splits.items()} == {
        split: len(part) * (rounds if split == "train" else 1) for split, part in once.splits.items()
    }
    asked = [
        torch.cat([images.flatten(1), tokens, label[:, None]], 1)
        for images, tokens, label in zip(
            train.image[:].chunk(rounds), train.tokens.chunk(rounds), train.label.chunk(rounds), strict=True
        )
    ]
    assert all((first != later).any() for first, later in combinations(asked, 2))
