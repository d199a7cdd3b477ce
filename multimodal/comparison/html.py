"""A comparison as one HTML page that contains its style, script and figures and loads nothing."""

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
    """Render the page; all text is escaped, because class names and errors may contain HTML."""
    return PAGES.get_template(TEMPLATE).render(comparison=comparison, sections=sections)
