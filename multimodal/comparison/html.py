"""A comparison as one HTML page that contains its style, script and figures and loads nothing."""

from pathlib import Path

from multimodal.comparison.checklist import checklist_source
from multimodal.comparison.comparison import Comparison
from multimodal.comparison.figure_sections import FigureSection
from multimodal.comparison.markdown import CHECKLIST
from multimodal.pages.environment import page_templates

TEMPLATE = "report.html.jinja"
PAGES = page_templates(Path(__file__).parent)


def as_html(comparison: Comparison, forest: FigureSection, sections: list[FigureSection], paper: dict[str, str]) -> str:
    """Render the page; all text is escaped, because class names and errors may contain HTML.

    Args:
        comparison: its sentences and tables.
        forest: the figures that open the page.
        sections: the figures that end it.
        paper: {name of a file beside the page: what it has}.
    """
    page = PAGES.get_template(TEMPLATE)
    headings = {"checklist": CHECKLIST, "checklist_source": checklist_source(comparison.groups)}
    return page.render(comparison=comparison, forest=forest, sections=sections, paper=paper, **headings)
