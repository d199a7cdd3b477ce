import pytest

from multimodal.figures.text_layout import LEADING, set_words, width_of, wrong_words


def marked(written: str, real: str) -> list[str]:
    words = written.split()
    return [word for word, wrong in zip(words, wrong_words(words, real.split()), strict=True) if wrong]


def test_words_without_a_counterpart_are_wrong() -> None:
    assert marked("a wide thick two", "a narrow thick two") == ["wide"]
    assert marked("a thick two", "a narrow thick two") == []  # a word left out is no wrong word
    assert marked("two thick", "a b c") == ["two", "thick"]
    assert marked("a a", "a") == ["a"]  # the second has no counterpart


def test_the_same_words_in_another_order_are_not_wrong() -> None:
    assert marked("wide two standing upright", "medium two upright and wide") == ["standing"]


@pytest.mark.parametrize("count", [1, 100])
def test_lines_keep_the_order_and_the_width(count: int) -> None:
    words = [f"word{i}" for i in range(count)]
    block = set_words(words, 2.0, 9.0, [i % 2 == 0 for i in range(count)])
    assert [word.text for word in block.words] == words
    assert all(word.x + word.width <= 2.0 for word in block.words)
    assert block.words[-1].y < block.height
    for first, second in zip(block.words, block.words[1:], strict=False):
        assert second.y > first.y or second.x >= first.x + first.width


def test_a_word_wider_than_the_line_is_set_smaller() -> None:
    (word,) = set_words(["incomprehensibility" * 3], 1.0, 12.0).words
    assert word.size < 12
    assert word.width <= 1.0


def test_punctuation_stays_with_its_word() -> None:
    width = width_of("fur", 10.0, "normal") + width_of("a", 10.0, "normal") + 0.06
    block = set_words(["a", "fur", ",", "a"], width, 10.0)
    assert block.words[1].y == block.words[2].y
    assert block.words[2].x - block.words[1].x - block.words[1].width < 0.02


def test_no_words_take_no_height() -> None:
    assert set_words([], 1.0, 10.0).height == 0
    assert set_words(["a"], 1.0, 10.0).height == pytest.approx(LEADING * 10 / 72)
