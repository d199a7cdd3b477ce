"""Which words of a generated caption are wrong: those of another class or attribute, not those of another wording."""

import pytest

from multimodal.dataset.builtin import animal_grammar, digit_grammar
from multimodal.figures.contradictions import contradicting_words

DIGITS = list(digit_grammar.VALUES["digit"])


def marked(preds: str, target: str, content: str, names: list[str], grammar=None) -> list[str]:
    words = preds.split()
    found = contradicting_words(words, target.split(), content, names, grammar)
    return [f"{i} {word}" for i, (word, mark) in enumerate(zip(words, found, strict=True)) if mark]


@pytest.mark.parametrize(
    ("preds", "expected"),
    [
        ("thick seven leaning left and wide", []),  # another wording
        ("a wide thick seven", []),  # says less
        ("a narrow thin seven slanted right", ["1 narrow", "2 thin", "5 right"]),
        ("a wide thick two slanted left", ["3 two"]),
        ("wide seven seven in thick thick strokes", []),
        ("wide two two in thick strokes", ["1 two", "2 two"]),  # stated twice
    ],
)
def test_of_digits_other_attributes_and_classes_contradict(preds: str, expected: list[str]) -> None:
    assert marked(preds, "a wide thick seven slanted left", "seven", DIGITS, digit_grammar.parse) == expected


def test_a_colour_contradicts_only_where_it_is_of_another_thing() -> None:
    target = "a plain grey cat with round ears and brown eyes and its mouth closed on a red background"
    preds = "a plain brown cat with round ears and brown eyes and its tongue out on a red background"
    found = marked(preds, target, "cat", ["cat", "dog"], animal_grammar.parse)
    assert found == ["2 brown", "12 tongue", "13 out"]


def test_what_the_real_caption_does_not_state_cannot_be_contradicted() -> None:
    assert marked("a thick seven", "a wide seven", "seven", DIGITS, digit_grammar.parse) == []


def test_without_a_grammar_only_other_classes_contradict() -> None:
    names = ["Bear", "ice bear", "dog"]
    assert marked("an ice bear sleeps on snow", "the white ice bear rests", "ice bear", names) == []
    assert marked("a bear and a dog", "the white ice bear rests", "ice bear", names) == ["1 bear", "4 dog"]
    assert marked("a dog on the ice", "an ice bear beside a dog", "ice bear", names) == []  # the caption names it, too
    assert marked("a thin line", "a thick line", "ice bear", names) == []
