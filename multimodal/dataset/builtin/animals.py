"""Drawn cats and dogs with captions: a dataset that needs no download and whose captions are always correct.

The attributes are independent of one another and of the species, so only shape distinguishes the species.
Nuisance variables that no caption mentions (position, size, tilt, shades, light, noise) make every image different.
"""

import hashlib
import inspect
import io
from collections.abc import Iterator
from typing import Any

import datasets
import numpy as np

from multimodal.checks import check_whole
from multimodal.dataset.builtin import animal_anatomy, animal_drawing, animal_grammar, animal_pen

LICENSE = "mit"  # as the Hugging Face hub names it: that of this package, which draws them
SPLITS = ("train", "test")
MOST = 1_000_000  # samples; more are a slip of the keyboard
FEATURES = datasets.Features(
    {
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=list(animal_grammar.VALUES["species"])),
        "caption": datasets.Value("string"),
    }
)


def make_animals(seed: int, train: int, test: int) -> datasets.DatasetDict:
    """Make the splits `train` and `test` of columns `image` (64x64), `label`, `caption`, cached by `datasets`.

    Image i of a split depends only on (seed, split, i), so a larger dataset starts with the samples of a smaller one.

    Args:
        seed: seed of the samples.
        train: number of training samples.
        test: number of test samples.

    Raises:
        ValueError: `train` or `test` is not a whole number from 1 to 1,000,000.
    """
    check_whole("dataset.embedded", most=MOST, train=train, test=test)
    return datasets.DatasetDict(
        {
            split: datasets.Dataset.from_generator(
                generate,
                features=FEATURES,
                gen_kwargs={"seed": seed, "split": split, "count": count, "code": code_version()},
                split=datasets.NamedSplit(split),
            )
            for split, count in zip(SPLITS, (train, test), strict=True)
        }
    )


def code_version() -> str:
    """Compute a hash of the code that makes the samples, so that `datasets` does not reuse outdated ones."""
    modules = (animal_pen, animal_anatomy, animal_drawing, animal_grammar)
    source = "".join(inspect.getsource(module) for module in modules) + inspect.getsource(example)
    return hashlib.sha256(source.encode()).hexdigest()


def generate(seed: int, split: str, count: int, code: str) -> Iterator[dict[str, Any]]:
    """Yield the samples of a split; `code` is not used, but is part of the cache key."""
    for index in range(count):
        yield example(seed, split, index)


def example(seed: int, split: str, index: int) -> dict[str, Any]:
    """Return one sample: `image` as PNG bytes, `label` and `caption`."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index)))
    attributes = animal_grammar.draw_attributes(rng)
    png = io.BytesIO()
    animal_drawing.draw(attributes, rng).save(png, format="PNG")
    return {
        "image": {"bytes": png.getvalue(), "path": None},
        "label": attributes["species"],
        "caption": animal_grammar.write(attributes, rng),
    }
