"""Attribute accuracy with a made-up grammar by hand, and with the two of the datasets."""

import numpy as np
import pytest
import torch

from multimodal.dataset.builtin import animal_grammar, digit_grammar
from multimodal.judge.attributes import AttributeJudge
from multimodal.metric.attributes import attribute_accuracy


def parse(caption: str) -> dict[str, str]:
    """`size:big` states that the size is big."""
    return dict(word.split(":") for word in caption.split() if ":" in word)


REFERENCES = ["size:big color:red", "size:big so color:blue", "size:small", "nothing"]


CLASSES = ["cat", "cat", "dog", "dog"]


def words(captions: list[str]) -> list[list[str]]:
    return [caption.split() for caption in captions]


def test_a_case_worked_out_by_hand() -> None:
    """Not stated is wrong; what the reference does not state does not count, nor does word order.

    The first states both, the second neither, the third the one that is asked for: the mean of 1, 0 and 1.
    """
    preds = ["color:red and size:big", "color:red", "color:red size:small", "size:big shape:round"]
    assert attribute_accuracy(words(preds), words(REFERENCES), parse, CLASSES) == pytest.approx(
        {"attribute_accuracy_size": 2 / 3, "attribute_accuracy_color": 1 / 2, "attribute_accuracy": (1 + 0 + 1) / 3}
    )


def test_images_and_captions_have_one_definition_which_leaves_out_the_class() -> None:
    """An image that has what a caption states, and a caption that states it, are as right as each other."""
    stated = ["species:cat size:big color:red", "species:dog color:blue", "species:dog size:small"]
    shown = ["species:dog size:big color:blue", "species:dog color:blue", "species:dog size:big"]
    names = ["cat", "dog", "dog"]
    scores = attribute_accuracy(words(shown), words(stated), parse, names)
    assert scores["attribute_accuracy"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert "attribute_accuracy_species" not in scores
    image = torch.arange(3, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2)
    judge = AttributeJudge(
        lambda pixels, name: parse(shown[pixels[0, 0]]), [parse(text) for text in stated], names, image
    )
    assert float(judge.judge(image, torch.arange(3)).mean()) == pytest.approx(scores["attribute_accuracy"])


def test_references_score_one_and_silence_zero() -> None:
    names = {"attribute_accuracy", "attribute_accuracy_size", "attribute_accuracy_color"}
    assert attribute_accuracy(words(REFERENCES), words(REFERENCES), parse, CLASSES) == dict.fromkeys(names, 1.0)
    assert attribute_accuracy([[]] * 4, words(REFERENCES), parse, CLASSES) == dict.fromkeys(names, 0.0)


def test_nothing_where_no_reference_states_any() -> None:
    assert attribute_accuracy(words(["size:big"]), [["nothing"]], parse, ["cat"]) == {}


def test_an_attribute_that_few_references_state_does_not_count() -> None:
    target = words(["size:big"] * 39 + ["color:red"])
    assert attribute_accuracy(target, target, parse, ["cat"] * 40) == {
        "attribute_accuracy": 1.0,
        "attribute_accuracy_size": 1.0,
    }


def test_as_many_captions_as_references() -> None:
    with pytest.raises(ValueError, match="longer"):
        attribute_accuracy([["a"]], [["a"], ["b"]], parse, ["cat"] * 2)


def draw(grammar, rng: np.random.Generator) -> dict[str, str]:
    return {name: values[rng.integers(len(values))] for name, values in grammar.VALUES.items()}


def class_names(grammar, stated: list[dict[str, str]]) -> list[str]:
    """The class that each caption states."""
    return [row["digit" if grammar is digit_grammar else "species"] for row in stated]


@pytest.mark.parametrize("grammar", [digit_grammar, animal_grammar], ids=["digits", "animals"])
def test_other_words_for_the_same_attributes_are_right(grammar) -> None:
    rng = np.random.default_rng(0)
    stated = [draw(grammar, rng) for _ in range(30)]
    preds, target = (words([grammar.write(attributes, rng) for attributes in stated]) for _ in range(2))
    assert preds != target
    scores = attribute_accuracy(preds, target, grammar.parse, class_names(grammar, stated))
    names = [name for name in grammar.VALUES if name not in ("digit", "species")]
    assert scores == {f"attribute_accuracy{name}": 1.0 for name in ("", *(f"_{name}" for name in names))}


@pytest.mark.parametrize("grammar", [digit_grammar, animal_grammar], ids=["digits", "animals"])
def test_each_attribute_stands_for_itself(grammar) -> None:
    """One attribute changed in every caption: that one is never right, the others always."""
    rng = np.random.default_rng(0)
    attributes = {name: values for name, values in grammar.VALUES.items() if name not in ("digit", "species")}
    for changed, values in attributes.items():
        stated = [draw(grammar, rng) for _ in range(10)]
        wrong = [t | {changed: values[(values.index(t[changed]) + 1) % len(values)]} for t in stated]
        preds, target = (words([grammar.write(t, rng) for t in rows]) for rows in (wrong, stated))
        scores = attribute_accuracy(preds, target, grammar.parse, class_names(grammar, stated))
        assert scores.pop("attribute_accuracy") == pytest.approx(1 - 1 / len(attributes))
        assert {name for name, score in scores.items() if score < 1} == {f"attribute_accuracy_{changed}"}
        assert scores[f"attribute_accuracy_{changed}"] == 0
