import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.offsetbox import OffsetBox
from matplotlib.text import Text

from multimodal.figures.boxes import caption_box, first_that_fits, words_box, wrapped_lines, wrong_words
from multimodal.figures.layout import DPI


def marked(preds: str, target: str) -> list[str]:
    words = preds.split()
    return [word for word, wrong in zip(words, wrong_words(words, target.split()), strict=True) if wrong]


def inches(box: OffsetBox) -> tuple[float, float]:
    """(width, height) as drawn."""
    figure = Figure(dpi=DPI)
    figure.add_artist(box)
    extent = box.get_bbox(FigureCanvasAgg(figure).get_renderer())
    return extent.width / DPI, extent.height / DPI


def test_words_without_a_counterpart_are_wrong() -> None:
    assert marked("a wide thick two", "a narrow thick two") == ["wide"]
    assert marked("a thick two", "a narrow thick two") == []  # a word left out is no wrong word
    assert marked("two thick", "a b c") == ["two", "thick"]
    assert marked("a a", "a") == ["a"]  # the second has no counterpart


def test_the_same_words_in_another_order_are_not_wrong() -> None:
    assert marked("wide two standing upright", "medium two upright and wide") == ["standing"]


@pytest.mark.parametrize("size", [6.5, 7.5, 8, 9.5, 10])
@pytest.mark.parametrize("word", ["w", "iii", "MMMM", "wordword"])
def test_no_line_leaves_its_column(size: float, word: str) -> None:
    words = [word] * 60
    width, _ = inches(words_box(words, 1.3, size, [i % 3 == 0 for i in range(60)]))
    assert width == pytest.approx(1.3, abs=1.5 / DPI)


def test_lines_keep_the_order_and_the_marks() -> None:
    words = [f"word{i}" for i in range(100)]
    lines = wrapped_lines(words, [i % 2 == 0 for i in range(100)], 2.0, 9.0)
    assert [word for line in lines for word, _ in line] == words
    assert [mark for line in lines for _, mark in line] == [i % 2 == 0 for i in range(100)]


def test_a_word_wider_than_the_line_is_broken_and_keeps_its_mark() -> None:
    lines = wrapped_lines(["a", "incomprehensibility" * 3, "b"], [False, True, False], 1.0, 12.0)
    assert len(lines) > 3
    assert "".join(word for line in lines for word, mark in line if mark) == "incomprehensibility" * 3


def test_punctuation_stays_with_its_word() -> None:
    assert wrapped_lines(["a", "fur", ",", "a"], [False, True, False, False], 3.0, 10.0) == [
        [("a", False), ("fur,", True), ("a", False)]
    ]


def test_a_caption_without_words_says_so() -> None:
    texts = caption_box([], ["a"], 1.0, 10.0).findobj(Text)
    assert [text.get_text() for text in texts] == ["(no words)"]


def test_the_first_figure_that_fits_a_page_is_taken_and_else_the_lowest() -> None:
    def of(*heights: float) -> float:
        return first_that_fits(Figure(figsize=(1, height)) for height in heights).get_figheight()

    assert of(20, 15, 10) == 15
    assert of(20, 17, 18) == 17
