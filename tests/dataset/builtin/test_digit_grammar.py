import itertools

import numpy as np
import pytest

from multimodal.dataset.builtin.digit_grammar import TEMPLATES, VALUES, parse, write

EVERY = [dict(zip(VALUES, words, strict=True)) for words in itertools.product(*VALUES.values())]


def wordings(attributes):
    """Every template's caption: 50 draws miss one of five with a probability below 1e-4."""
    rng = np.random.default_rng(0)
    return {write(attributes, rng) for _ in range(50)}


def test_every_template_is_read_back_for_every_combination():
    for attributes in EVERY:
        captions = wordings(attributes)
        assert len(captions) == len(TEMPLATES)
        assert all(parse(caption) == attributes for caption in captions)


def test_captions_have_four_to_seven_lower_case_words():
    for caption in itertools.chain.from_iterable(wordings(attributes) for attributes in EVERY):
        words = caption.split(" ")
        assert 4 <= len(words) <= 7, caption
        assert all(word.isalpha() and word.islower() for word in words), caption


def test_no_word_stands_for_two_attributes():
    words = list(itertools.chain.from_iterable(VALUES.values()))
    assert len(words) == len(set(words))


def test_what_a_damaged_caption_does_not_state_is_missing():
    assert parse("a thick seven seven leaning") == {"stroke": "thick", "digit": "seven"}
    assert parse("strokes the with") == {}
    assert parse("") == {}


def test_of_two_that_contradict_the_first_wins():
    assert parse("thin three or thick five leaning left right") == {
        "stroke": "thin",
        "digit": "three",
        "slant": "left",
    }


def test_same_random_state_same_caption():
    first, second = (
        [write(attributes, rng) for attributes in EVERY] for rng in (np.random.default_rng(3), np.random.default_rng(3))
    )
    assert first == second


def test_a_missing_or_unknown_value_is_refused():
    good = EVERY[0]
    with pytest.raises(ValueError, match=r"digit.*'ten'"):
        write(good | {"digit": "ten"}, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"width.*None"):
        write({k: v for k, v in good.items() if k != "width"}, np.random.default_rng(0))
