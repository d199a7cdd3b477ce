import pytest
import torch

from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.types import BOS, EOS, PAD, SPECIAL_WORDS, UNK
from multimodal.words import tokenize

CAPTIONS = [
    "A thin seven, leaning left.",
    "a wide two",
    "خط عريض שלום",
    "a cat 🐱🐾 smiles 👩‍🚀",
    "naïve 数字 7",
]


@pytest.fixture
def vocabulary():
    """Of all captions above."""
    return Vocabulary.of(CAPTIONS)


def test_captions_come_back_as_their_words(vocabulary):
    decoded = vocabulary.decode(vocabulary.encode(CAPTIONS, 100))
    assert decoded == [" ".join(tokenize(caption)) for caption in CAPTIONS]
    assert decoded[0] == "a thin seven , leaning left ."


@pytest.mark.parametrize("word", ["خط", "عريض", "שלום", "🐱🐾", "👩‍🚀", "naïve", "数字"])
def test_emoji_and_right_to_left_words_survive(vocabulary, word):
    row = vocabulary.encode([f"a {word} two"], 100)
    assert UNK not in row
    assert word in vocabulary.decode(row)[0].replace(" ", "")  # a joined emoji is several words


def test_letter_case_does_not_matter(vocabulary):
    assert torch.equal(vocabulary.encode(["A WIDE Two"], 9), vocabulary.encode(["a wide two"], 9))


def test_unknown_words_become_unk_and_stay_visible(vocabulary):
    row = vocabulary.encode(["a purple two"], 9)
    assert row.tolist()[0][2] == UNK
    assert vocabulary.words_of(row) == [["a", "<unk>", "two"]]


def test_a_caption_that_is_too_long_is_cut_and_keeps_its_eos(vocabulary):
    row = vocabulary.encode(["a thin seven leaning left"], 3)
    assert row.tolist() == [[BOS, *(vocabulary.numbers[w] for w in ("a", "thin", "seven")), EOS]]


def test_rows_are_padded_to_the_longest(vocabulary):
    rows = vocabulary.encode(["a", "a wide two", ""], 9)
    assert rows.dtype == torch.int32
    assert rows.shape == (3, 5)
    assert ((rows == EOS).sum(1) == 1).all()
    assert rows[2].tolist() == [BOS, EOS, PAD, PAD, PAD]
    assert (rows[:, 0] == BOS).all()


def test_no_captions_are_no_rows(vocabulary):
    assert vocabulary.encode([], 9).shape == (0, 2)


def test_special_words_cannot_be_written_by_a_caption():
    vocabulary = Vocabulary.of(["say <eos> <pad> now"])
    row = vocabulary.encode(["say <eos> <pad> now"], 20)
    assert (row == EOS).sum() == 1
    assert PAD not in row
    assert vocabulary.words.count("<eos>") == 1


def test_the_order_of_captions_does_not_matter():
    assert Vocabulary.of(CAPTIONS).words == Vocabulary.of(reversed(CAPTIONS)).words


def test_it_is_rebuilt_from_its_words(vocabulary):
    again = Vocabulary(vocabulary.words)
    assert torch.equal(again.encode(CAPTIONS, 9), vocabulary.encode(CAPTIONS, 9))
    assert len(again) == len(vocabulary) == len(set(vocabulary.words))
    assert tuple(again.words[:4]) == SPECIAL_WORDS


@pytest.mark.parametrize("words", [[], ["a", "b"], ["<pad>", "<unk>", "<eos>", "<bos>"]])
def test_words_that_do_not_start_with_the_special_ones_are_refused(words):
    with pytest.raises(ValueError, match="starts with"):
        Vocabulary(words)


RARE = ["a cat", "a cat", "a dog", "a dog", "a dog", "a bird", "a cat a fish"]


def test_words_that_are_too_rare_are_left_out_and_read_as_unknown():
    vocabulary = Vocabulary.of_frequent(RARE, 9, 2, None)
    assert vocabulary.words == [*SPECIAL_WORDS, "a", "cat", "dog"]
    assert vocabulary.encode(["a bird"], 9).tolist() == [[BOS, 4, UNK, EOS]]
    assert Vocabulary.of_frequent(RARE, 9, 1, None).words == Vocabulary.of(RARE).words


@pytest.mark.parametrize(("most", "words"), [(1, ["a"]), (2, ["a", "cat"]), (99, ["a", "cat", "dog"])])
def test_the_most_frequent_words_are_kept_and_of_equals_the_first(most, words):
    assert Vocabulary.of_frequent(RARE, 9, 2, most).words == [*SPECIAL_WORDS, *words]


def test_words_behind_the_cut_do_not_count():
    assert Vocabulary.of_frequent(["a b c", "a b c"], 2, 2, None).words == [*SPECIAL_WORDS, "a", "b"]


def test_a_vocabulary_without_words_is_a_clear_error():
    with pytest.raises(ValueError, match=r"dataset\.min_word_count=2 leaves no word"):
        Vocabulary.of_frequent(["one two", "three"], 9, 2, None)
