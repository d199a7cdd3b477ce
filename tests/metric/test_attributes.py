"""Attribute accuracy with a made-up grammar by hand, and with the two of the datasets."""

import numpy as np
import pytest

from multimodal.dataset.builtin import animal_grammar, digit_grammar
from multimodal.metric.attributes import attribute_accuracy


def parse(caption: str) -> dict[str, str]:
    """`size:big` states that the size is big."""
    return dict(word.split(":") for word in caption.split() if ":" in word)


REFERENCES = ["size:big color:red", "size:big so color:blue", "size:small", "nothing"]


def words(captions: list[str]) -> list[list[str]]:
    return [caption.split() for caption in captions]


def test_a_case_worked_out_by_hand() -> None:
    """Not stated is wrong; what the reference does not state does not count, nor does word order."""
    preds = ["color:red and size:big", "color:red", "size:big color:red", "size:big shape:round"]
    assert attribute_accuracy(words(preds), words(REFERENCES), parse) == pytest.approx(
        {"attribute_accuracy_size": 1 / 3, "attribute_accuracy_color": 1 / 2, "attribute_accuracy": (1 / 3 + 1 / 2) / 2}
    )


def test_references_score_one_and_silence_zero() -> None:
    names = {"attribute_accuracy", "attribute_accuracy_size", "attribute_accuracy_color"}
    assert attribute_accuracy(words(REFERENCES), words(REFERENCES), parse) == dict.fromkeys(names, 1.0)
    assert attribute_accuracy([[]] * 4, words(REFERENCES), parse) == dict.fromkeys(names, 0.0)


def test_nothing_where_no_reference_states_any() -> None:
    assert attribute_accuracy(words(["size:big"]), [["nothing"]], parse) == {}


def test_an_attribute_that_few_references_state_does_not_count() -> None:
    target = words(["size:big"] * 39 + ["color:red"])
    assert attribute_accuracy(target, target, parse) == {
        "attribute_accuracy": 1.0,
        "attribute_accuracy_size": 1.0,
    }


def test_as_many_captions_as_references() -> None:
    with pytest.raises(ValueError, match="longer"):
        attribute_accuracy([["a"]], [["a"], ["b"]], parse)


def draw(grammar, rng: np.random.Generator) -> dict[str, str]:
    return {name: values[rng.integers(len(values))] for name, values in grammar.VALUES.items()}


@pytest.mark.parametrize("grammar", [digit_grammar, animal_grammar], ids=["digits", "animals"])
def test_other_words_for_the_same_attributes_are_right(grammar) -> None:
    rng = np.random.default_rng(0)
    stated = [draw(grammar, rng) for _ in range(30)]
    preds, target = (words([grammar.write(attributes, rng) for attributes in stated]) for _ in range(2))
    assert preds != target
    scores = attribute_accuracy(preds, target, grammar.parse)
    assert scores == {f"attribute_accuracy{name}": 1.0 for name in ("", *(f"_{name}" for name in grammar.VALUES))}


@pytest.mark.parametrize("grammar", [digit_grammar, animal_grammar], ids=["digits", "animals"])
def test_each_attribute_stands_for_itself(grammar) -> None:
    """One attribute changed in every caption: that one is never right, the others always."""
    rng = np.random.default_rng(0)
    for changed, values in grammar.VALUES.items():
        stated = [draw(grammar, rng) for _ in range(10)]
        wrong = [t | {changed: values[(values.index(t[changed]) + 1) % len(values)]} for t in stated]
        preds, target = (words([grammar.write(t, rng) for t in rows]) for rows in (wrong, stated))
        scores = attribute_accuracy(preds, target, grammar.parse)
        assert scores.pop("attribute_accuracy") == pytest.approx(1 - 1 / len(grammar.VALUES))
        assert {name for name, score in scores.items() if score < 1} == {f"attribute_accuracy_{changed}"}
        assert scores[f"attribute_accuracy_{changed}"] == 0
