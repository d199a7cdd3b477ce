"""Words are what nltk's `wordpunct_tokenize` makes of a text, but for marks, joiners and scripts without spaces."""

import re
from unicodedata import normalize

import pytest
from nltk.tokenize import wordpunct_tokenize

from multimodal.words import LONGEST, split_words, tokenize

TEXTS = [
    "A cat's ears, up!",
    "  two\tlines\nhere ",
    "Größe, Ελλάδα, кот; 한국어 말",
    "خط عريض שלום",
    "a cat 🐱🐾 smiles",
    "_x_ -- 3.5%",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_those_of_nltk(text):
    assert split_words(text) == wordpunct_tokenize(text)


@pytest.mark.parametrize("text", [*TEXTS, "naïve 7½ x² №5", "a\x1cb\u2003c\u200b"])
def test_alphabets_split_as_by_pythons_own_classes(text):
    assert split_words(text) == re.findall(r"\w+|[^\w\s]+", text)


def test_a_joined_emoji_is_one_word():
    assert split_words("an 👩‍🚀 smiles") == ["an", "👩‍🚀", "smiles"]  # nltk's are three: parts and joiner


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("两只猫，2 cats", ["两", "只", "猫", "，", "2", "cats"]),
        ("コーヒーを飲む", ["コ", "ー", "ヒ", "ー", "を", "飲", "む"]),
        ("ที่น่ารัก 12", ["ที่", "น่", "า", "รั", "ก", "12"]),
        ("ລາວ", ["ລ", "າ", "ວ"]),
        ("T恤", ["T", "恤"]),
    ],
)
def test_scripts_without_spaces_give_a_word_per_grapheme(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize("text", ["हिन्दी भाषा", "می\u200cخواهم آن", "שָׁלוֹם עולם", "தமிழ் மொழி"])
def test_marks_and_joiners_do_not_break_a_word(text):
    assert split_words(text) == normalize("NFC", text).split()


@pytest.mark.parametrize("text", ["Éléphant naïve", "Hà Nội", "が", "İstanbul ΟΔΟΣ", "각"])
def test_composed_and_decomposed_letters_are_the_same_words(text):
    assert tokenize(normalize("NFD", text)) == tokenize(normalize("NFC", text))
    assert tokenize(text) == tokenize(tokenize(text)[0]) + tokenize(text)[1:]  # a word is its own word


@pytest.mark.parametrize("letter", ["z", "ß", "!", "a\u0308\u0323", "한", "👩‍🚀"])
def test_an_endless_word_is_cut(letter):
    word, rest = split_words(f"{letter * 20_000} end")
    assert len(word) == LONGEST
    assert rest == "end"
    assert tokenize(word)[0].startswith(tokenize(letter)[0])
