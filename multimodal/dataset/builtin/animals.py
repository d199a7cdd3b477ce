"""Drawn cats and dogs with captions: a dataset that needs no download, with captions that are surely true.

The attributes are independent of one another and of the species, so the species is told by shape alone.
Nuisances that no caption mentions (position, size, tilt, shades, light, noise) make every picture different.
"""

import hashlib
import inspect
import io
from collections.abc import Iterator

import datasets
import numpy as np

from multimodal.checks import check_whole
from multimodal.dataset.builtin import animal_anatomy, animal_drawing, animal_grammar, animal_pen

SPLITS = ("train", "test")
FEATURES = datasets.Features(
    {
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=list(animal_grammar.VALUES["species"])),
        "caption": datasets.Value("string"),
    }
)


def make_animals(seed: int, train: int, test: int) -> datasets.DatasetDict:
    """`train` and `test` pictures of 64x64 with a label and a caption; kept in the cache of `datasets`.

    Picture i of a split depends on (seed, split, i) alone: a larger dataset begins with the smaller one.
    """
    check_whole("dataset.embedded", train=train, test=test)
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
    """Changes with the code that makes the examples, so that `datasets` does not reuse outdated ones."""
    modules = (animal_pen, animal_anatomy, animal_drawing, animal_grammar)
    source = "".join(inspect.getsource(module) for module in modules) + inspect.getsource(example)
    return hashlib.sha256(source.encode()).hexdigest()


def generate(seed: int, split: str, count: int, code: str) -> Iterator[dict]:
    """The examples of a split; `code` only tells the cache one version of the drawing from another."""
    for index in range(count):
        yield example(seed, split, index)


def example(seed: int, split: str, index: int) -> dict:
    """One picture as PNG bytes, with its label and caption."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index)))
    attributes = animal_grammar.draw_attributes(rng)
    png = io.BytesIO()
    animal_drawing.draw(attributes, rng).save(png, format="PNG")
    return {
        "image": {"bytes": png.getvalue(), "path": None},
        "label": attributes["species"],
        "caption": animal_grammar.write(attributes, rng),
    }
