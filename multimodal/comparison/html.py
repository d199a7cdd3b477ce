"""A comparison as one HTML page that contains its style, script and figures and loads nothing."""

from pathlib import Path

from multimodal.comparison.checklist import checklist_source
from multimodal.comparison.comparison import Comparison
from multimodal.comparison.figure_sections import FigureSection
from multimodal.comparison.markdown import CHECKLIST
from multimodal.comparison.run_links import Links
from multimodal.pages.environment import page_templates

TEMPLATE = "report.html.jinja"
GALLERY = "gallery.html"  # the page of samples beside the report
PAGES = page_templates(Path(__file__).parent)


def as_html(
    comparison: Comparison,
    forest: FigureSection,
    sections: list[FigureSection],
    paper: dict[str, str],
    links: Links,
    gallery: bool,
) -> str:
    """Render the page; all text is escaped, because class names and errors may contain HTML.

    Args:
        comparison: its sentences and tables.
        forest: the figures that open the page.
        sections: the figures that end it.
        paper: {name of a file beside the page: what it has}.
        links: to the runs' own pages.
        gallery: whether GALLERY is beside the page.
    """
    page = PAGES.get_template(TEMPLATE)
    headings = {"checklist": CHECKLIST, "checklist_source": checklist_source(comparison.groups)}
    beside = {"paper": paper, "links": links, "gallery_file": GALLERY if gallery else ""}
    return page.render(comparison=comparison, forest=forest, sections=sections, **beside, **headings)
