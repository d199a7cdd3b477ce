"""The pictures: the same every time, no two alike, and every word of the caption visible."""

import itertools

import datasets
import numpy as np
import pytest

from multimodal.dataset.builtin import animal_drawing, animals
from multimodal.dataset.builtin.animal_drawing import BACKGROUND, EYES, FUR, MARKING, draw
from multimodal.dataset.builtin.animal_grammar import VALUES, draw_attributes, parse


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)


def pictures(count, seed):
    """Attributes and pixels (H, W, C) of some animals."""
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        attributes = draw_attributes(rng)
        yield attributes, np.asarray(draw(attributes, rng), dtype=float)


def test_schema():
    made = animals.make_animals(seed=0, train=3, test=2)
    assert {split: len(rows) for split, rows in made.items()} == {"train": 3, "test": 2}
    assert made["train"].features["label"].names == ["cat", "dog"]
    for row in itertools.chain(made["train"], made["test"]):
        assert (row["image"].size, row["image"].mode) == ((64, 64), "RGB")
        assert parse(row["caption"])["species"] == ["cat", "dog"][row["label"]]


def test_an_example_does_not_depend_on_the_size_of_its_split():
    small, large = animals.make_animals(0, 2, 1), animals.make_animals(0, 4, 3)
    for split in ("train", "test"):
        undecoded = [made[split].cast_column("image", datasets.Image(decode=False)) for made in (small, large)]
        assert undecoded[0].to_list() == undecoded[1].to_list()[: len(undecoded[0])]


def test_no_two_pictures_are_equal():
    keys = [(seed, split, index) for seed in (0, 1) for split in ("train", "test") for index in range(10)]
    assert len({animals.example(*key)["image"]["bytes"] for key in keys}) == len(keys)


def test_the_second_call_draws_nothing(monkeypatch):
    first = animals.make_animals(0, 2, 1)
    monkeypatch.setattr(animal_drawing, "draw", None)
    second = animals.make_animals(0, 2, 1)
    assert first["train"]["caption"] == second["train"]["caption"]


def test_new_drawing_code_draws_anew(monkeypatch):
    first = animals.make_animals(0, 2, 1)
    other = first["train"][0]["image"].rotate(90)
    monkeypatch.setattr(animals, "code_version", lambda: "changed")
    monkeypatch.setattr(animal_drawing, "draw", lambda attributes, rng: other)
    assert animals.make_animals(0, 2, 1)["train"][0]["image"].tobytes() == other.tobytes()


def test_an_empty_split_is_refused():
    with pytest.raises(ValueError, match=r"test must be .* got 0"):
        animals.make_animals(0, 1, 0)


def test_palettes_know_every_word():
    assert (tuple(FUR), tuple(EYES), tuple(BACKGROUND)) == (
        VALUES["fur"],
        VALUES["eyes"],
        VALUES["background"],
    )
    assert MARKING.keys() == FUR.keys()


@pytest.mark.parametrize("name", VALUES)
def test_another_word_is_another_picture(name):
    """With all else equal, down to position and noise, some pixels differ clearly."""
    for seed in range(6):
        attributes = draw_attributes(np.random.default_rng(seed))
        drawn = [
            np.asarray(draw(attributes | {name: word}, np.random.default_rng(seed)), dtype=float)
            for word in VALUES[name]
        ]
        for a, b in itertools.combinations(drawn, 2):
            clearly = np.abs(a - b).max(axis=-1) > 40  # (H, W), of 255
            assert clearly.sum() >= 12, (attributes, clearly.sum())


def test_the_background_keeps_its_name():
    for attributes, pixels in pictures(60, seed=0):
        corner = np.median(pixels[:4, :4], axis=(0, 1))
        nearest = min(BACKGROUND, key=lambda word: np.abs(corner - BACKGROUND[word]).sum())
        assert nearest == attributes["background"]


def test_the_fur_keeps_its_name():
    """The commonest of the fur colours in the picture is the one that the caption names."""
    palette = np.array([*FUR.values(), *BACKGROUND.values()])
    for attributes, pixels in pictures(60, seed=1):
        distance = np.abs(pixels[:, :, None] - palette).sum(axis=-1)  # (H, W, words)
        near = distance.argmin(axis=-1)[distance.min(axis=-1) < 60]
        assert list(FUR)[np.bincount(near, minlength=len(palette))[: len(FUR)].argmax()] == attributes["fur"]


def test_species_is_not_in_the_mean_picture():
    """The nearest class mean fails: position and colours carry nothing, shape has to be seen."""
    drawn = list(pictures(400, seed=2))
    x = np.stack([pixels.ravel() for _, pixels in drawn])
    dog = np.array([attributes["species"] == "dog" for attributes, _ in drawn])
    means = [x[:300][dog[:300] == species].mean(axis=0) for species in (False, True)]
    cat_distance, dog_distance = (((x[300:] - mean) ** 2).sum(axis=1) for mean in means)
    assert ((dog_distance < cat_distance) == dog[300:]).mean() < 0.75
