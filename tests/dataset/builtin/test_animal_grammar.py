"""The captions: everything is stated, and everything stated can be read back."""

import re

import numpy as np
import pytest

from multimodal.dataset.builtin.animal_grammar import VALUES, draw_attributes, parse, write

ATTRIBUTES = {
    "species": "cat",
    "fur": "brown",
    "pattern": "striped",
    "ears": "folded",
    "eyes": "brown",
    "background": "blue",
    "mouth": "tongue out",
}


def captions(count):
    rng = np.random.default_rng(0)
    for _ in range(count):
        attributes = draw_attributes(rng)
        yield attributes, write(attributes, rng)


def test_every_attribute_is_read_back():
    for attributes, caption in captions(3000):
        assert parse(caption) == attributes, caption


def test_captions_are_12_to_25_lower_case_words():
    for _, caption in captions(1000):
        assert re.fullmatch("[a-z]+( [a-z]+){11,24}", caption), caption


def test_a_truncated_caption_states_nothing_false():
    for attributes, caption in captions(200):
        words = caption.split()
        for length in range(len(words)):
            assert parse(" ".join(words[:length])).items() <= attributes.items(), words[:length]


def test_order_and_wording_vary():
    rng = np.random.default_rng(0)
    assert len({write(ATTRIBUTES, rng) for _ in range(200)}) > 100


@pytest.mark.parametrize("name", VALUES)
def test_another_word_is_another_caption(name):
    for word in VALUES[name]:
        attributes = ATTRIBUTES | {name: word}
        assert parse(write(attributes, np.random.default_rng(0))) == attributes


def test_no_attribute_tells_another():
    rng = np.random.default_rng(0)
    drawn = [draw_attributes(rng) for _ in range(4000)]
    dog = np.array([attributes["species"] == "dog" for attributes in drawn])
    for name, words in VALUES.items():
        for word in words if name != "species" else ():
            has = np.array([attributes[name] == word for attributes in drawn])
            assert abs(has.mean() - 1 / len(words)) < 0.04
            assert abs(dog[has].mean() - 0.5) < 0.1


def test_a_colour_belongs_to_its_noun():
    assert parse("blue") == {}
    assert parse("blue eyes") == {"eyes": "blue"}
    assert parse("a blue wall") == {"background": "blue"}
    assert parse("brown eyes and brown fur") == {"eyes": "brown", "fur": "brown"}


def test_the_first_of_contradictory_statements_wins():
    assert parse("a dog with green eyes and its eyes blue and a cat") == {"species": "dog", "eyes": "green"}


def test_case_and_punctuation_do_not_matter():
    assert parse("A striped, white CAT.") == {"species": "cat", "fur": "white", "pattern": "striped"}


def test_attributes_that_cannot_be_stated_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="eyes"):
        write(ATTRIBUTES | {"eyes": "purple"}, rng)
    with pytest.raises(ValueError, match="species"):
        write({"species": "cat"}, rng)
