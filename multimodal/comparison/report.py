"""The report of a folder of runs: one self-contained HTML page, the same as Markdown and CSV, and parts for a paper."""

import logging
from collections.abc import Collection
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from multimodal.comparison.comparison import Comparison, compare
from multimodal.comparison.figure_sections import figure_sections, forest_section
from multimodal.comparison.forest_beside import draw_forest_beside
from multimodal.comparison.forest_panels import forest_panels
from multimodal.comparison.gallery import gallery_page, group_gallery
from multimodal.comparison.html import GALLERY, as_html
from multimodal.comparison.latex import as_latex
from multimodal.comparison.markdown import as_frame, as_markdown
from multimodal.comparison.reading import read_runs
from multimodal.comparison.run_links import run_links
from multimodal.io import whole, write_text
from multimodal.metric.catalogue import primary
from multimodal.pages.environment import encodable

log = logging.getLogger(__name__)

LARGEST = 10_000_000  # largest size of the page in bytes
# what a paper can use of a comparison
PAPER_FILES = {
    "forest.pdf": "the differences as a vector figure, two columns wide",
    "forest.png": "the same as pixels",
    "table.tex": "quality and fusion gain as LaTeX tables, for the package booktabs",
}
WIDEST = (1500, 1000, 700)  # widths of its pictures in pixels: the first one that keeps the page below


def write_report(folder: Path, margin: float, compared: Collection[str] | None = None) -> Path | None:
    """Write the report's files into the folder; return None if it holds neither runs nor failures.

    They are report.html, report.md and report.csv; and what there is of gallery.html, forest.pdf, forest.png and
    table.tex.

    Args:
        folder: a sweep's folder, or any folder of runs.
        margin: differences of accuracy below it count as equivalent; 0.01 is one point.
        compared: choices and settings that are compared like fusions; None for those of the sweeps that made the runs.
    """
    runs, failures = read_runs(folder, compared)
    if not runs and not failures:
        return None
    comparison = compare(folder, runs, failures, margin)
    paper = write_paper_files(comparison, folder)
    links, gallery = run_links(comparison.groups, folder), write_gallery(comparison, folder)
    for widest in WIDEST:
        forest, sections = forest_section(comparison, widest), figure_sections(comparison.groups, widest)
        page = as_html(comparison, forest, sections, paper, links, gallery)
        if len(encodable(page).encode()) < LARGEST:
            break
    else:
        log.warning("the page has %.0f MB even with small pictures", len(encodable(page).encode()) / 1e6)
    with whole(folder / "report.csv") as temporary:
        as_frame(comparison).to_csv(temporary, index=False, errors="backslashreplace")
    write_text(encodable(as_markdown(comparison, paper)), folder / "report.md")
    write_text(encodable(page), folder / "report.html")
    return folder / "report.html"


def write_paper_files(comparison: Comparison, folder: Path) -> dict[str, str]:
    """Write the forest plot as PDF and PNG, and the LaTeX tables; delete those of an earlier report.

    Returns:
        {name of a file: what it has}.
    """
    for name in PAPER_FILES:
        (folder / name).unlink(missing_ok=True)
    panels = forest_panels(comparison.tests, comparison.groups)
    if panels:
        figure = draw_forest_beside(panels, comparison.margin, primary().unit)
        for name in ("forest.pdf", "forest.png"):
            save_figure(figure, folder / name)
    tables = as_latex(comparison)
    if tables:
        write_text(encodable(tables), folder / "table.tex")
    return {name: content for name, content in PAPER_FILES.items() if (folder / name).exists()}


def write_gallery(comparison: Comparison, folder: Path) -> bool:
    """Write the page of samples, and return whether any run has saved some; delete that of an earlier report."""
    galleries = [group_gallery(title, runs, folder) for title, runs in comparison.groups.items()]
    page = gallery_page(comparison.title, galleries, LARGEST)
    (folder / GALLERY).unlink(missing_ok=True)
    if page:
        write_text(encodable(page), folder / GALLERY)
    return bool(page)


def save_figure(figure: Figure, file: Path) -> None:
    """Save a figure in the format of the file's ending; a PDF contains its fonts as TrueType, and no date."""
    dateless = {"CreationDate": None} if file.suffix == ".pdf" else None
    with whole(file) as temporary, rc_context({"pdf.fonttype": 42}):
        figure.savefig(temporary, format=file.suffix[1:], metadata=dateless)
