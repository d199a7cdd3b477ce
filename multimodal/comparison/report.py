"""The report of a folder of runs: one HTML page that needs nothing else, and the same as Markdown and CSV."""

import logging
from pathlib import Path

from multimodal.comparison.comparison import compare
from multimodal.comparison.figure_sections import figure_sections
from multimodal.comparison.html import as_html
from multimodal.comparison.markdown import as_frame, as_markdown
from multimodal.comparison.reading import read_runs
from multimodal.io import whole, write_text

log = logging.getLogger(__name__)

LARGEST = 10_000_000  # bytes of the page
WIDEST = (1500, 1000, 700)  # pixels of its pictures: the first that keeps it below


def write_report(folder: Path, margin: float) -> Path | None:
    """Write report.html, report.md and report.csv into the folder; None if it holds neither runs nor failures.

    Args:
        folder: of a sweep, or of any runs.
        margin: differences of accuracy below it are equivalent, 0.01 is one point.
    """
    runs, failures = read_runs(folder)
    if not runs and not failures:
        return None
    comparison = compare(folder, runs, failures, margin)
    for widest in WIDEST:
        page = as_html(comparison, figure_sections(comparison.groups, widest))
        if len(page.encode()) < LARGEST:
            break
    else:
        log.warning("the page has %.0f MB even with small pictures", len(page.encode()) / 1e6)
    with whole(folder / "report.csv") as temporary:
        as_frame(comparison).to_csv(temporary, index=False)
    write_text(as_markdown(comparison), folder / "report.md")
    write_text(page, folder / "report.html")
    return folder / "report.html"
