"""Letters of any script are drawn where a font has them, or told in one line."""

import logging
import warnings

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from multimodal.figures import fonts
from multimodal.figures.boxes import line_box, page_figure
from multimodal.figures.fonts import fonts_for_all_scripts

HOOKED = "\u1d81"  # a d with a palatal hook: of the fonts that matplotlib brings, only STIXGeneral has it
MISSING = "\u4e00\u53ea\ud55c"


def draw(text: str) -> None:
    figure = Figure()
    figure.text(0, 0, text)
    figure.text(0, 0.5, text)
    FigureCanvasAgg(figure).draw()


def test_letters_that_no_font_has_are_told_once(monkeypatch, caplog) -> None:
    monkeypatch.setattr(fonts, "MORE", ())
    with caplog.at_level(logging.WARNING, logger="multimodal"), fonts_for_all_scripts():
        draw("a cat")
        draw(MISSING)
        draw(MISSING)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("figures: no font has 3 letters of the captions or classes, \u4e00 \u53ea \ud55c: ")


@pytest.mark.parametrize("more", [(), ("STIXGeneral", "No Such Font")])
def test_a_font_of_the_system_is_used_where_it_has_the_letter(monkeypatch, caplog, more) -> None:
    monkeypatch.setattr(fonts, "MORE", more)
    with caplog.at_level(logging.WARNING, logger="multimodal"), fonts_for_all_scripts():
        draw(HOOKED)
        page = page_figure(5, "heading", "title", [line_box([(HOOKED, False)], 10, {})])  # a caption's own font
        FigureCanvasAgg(page).draw()
    assert len(caplog.records) == (0 if more else 1)


def test_other_warnings_are_not_lost() -> None:
    def warn() -> None:
        with fonts_for_all_scripts():
            warnings.warn("of something else", UserWarning, stacklevel=1)

    with pytest.warns(UserWarning, match="of something else"):
        warn()
