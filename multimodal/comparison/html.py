"""A comparison as one HTML page: style, script and figures are in it, nothing is loaded."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from multimodal.comparison.comparison import Comparison
from multimodal.comparison.figure_sections import FigureSection

TEMPLATE = "report.html.jinja"
PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def as_html(comparison: Comparison, sections: list[FigureSection]) -> str:
    """Return the page; all text is escaped: class names and errors are not ours."""
    return PAGES.get_template(TEMPLATE).render(comparison=comparison, sections=sections)
