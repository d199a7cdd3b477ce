import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.offsetbox import OffsetBox
from matplotlib.text import Text

from multimodal.figures.boxes import caption_box, first_that_fits, words_box, wrap_words
from multimodal.figures.layout import DPI


def inches(box: OffsetBox) -> tuple[float, float]:
    """Return the width and height of a drawn box."""
    figure = Figure(dpi=DPI)
    figure.add_artist(box)
    extent = box.get_bbox(FigureCanvasAgg(figure).get_renderer())
    return extent.width / DPI, extent.height / DPI


@pytest.mark.parametrize("size", [6.5, 7.5, 8, 9.5, 10])
@pytest.mark.parametrize("word", ["w", "iii", "MMMM", "wordword"])
def test_no_line_is_wider_than_its_column(size: float, word: str) -> None:
    words = [word] * 60
    width, _ = inches(words_box(words, 1.3, size, [i % 3 == 0 for i in range(60)]))
    assert width == pytest.approx(1.3, abs=1.5 / DPI)


def test_line_breaks_preserve_order_and_marks() -> None:
    words = [f"word{i}" for i in range(100)]
    lines = wrap_words(words, [i % 2 == 0 for i in range(100)], 2.0, 9.0)
    assert [word for line in lines for word, _ in line] == words
    assert [mark for line in lines for _, mark in line] == [i % 2 == 0 for i in range(100)]


def test_a_word_wider_than_the_line_is_broken_and_stays_marked() -> None:
    lines = wrap_words(["a", "incomprehensibility" * 3, "b"], [False, True, False], 1.0, 12.0)
    assert len(lines) > 3
    assert "".join(word for line in lines for word, mark in line if mark) == "incomprehensibility" * 3


def test_punctuation_stays_with_its_word() -> None:
    assert wrap_words(["a", "fur", ",", "a"], [False, True, False, False], 3.0, 10.0) == [
        [("a", False), ("fur,", True), ("a", False)]
    ]


def test_an_empty_caption_is_drawn_as_no_words() -> None:
    texts = caption_box([], 1.0, 10.0).findobj(Text)
    assert [text.get_text() for text in texts] == ["(no words)"]


def test_the_first_figure_that_fits_the_page_is_chosen_or_else_the_lowest() -> None:
    def chosen_height(*heights: float) -> float:
        return first_that_fits(Figure(figsize=(1, height)) for height in heights).get_figheight()

    assert chosen_height(20, 15, 10) == 15
    assert chosen_height(20, 17, 18) == 17
