"""Words are what nltk's `wordpunct_tokenize` makes of a text, which is not imported for one regular expression."""

import pytest
from nltk.tokenize import wordpunct_tokenize

from multimodal.words import split_words

TEXTS = [
    "A cat's ears, up!",
    "  two\tlines\nhere ",
    "naïve 数字 7",
    "خط عريض שלום",
    "a cat 🐱🐾 smiles",
    "_x_ -- 3.5%",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_those_of_nltk(text):
    assert split_words(text) == wordpunct_tokenize(text)


def test_a_joined_emoji_is_one_word():
    assert split_words("an 👩‍🚀 smiles") == ["an", "👩‍🚀", "smiles"]  # nltk's are three: parts and joiner
