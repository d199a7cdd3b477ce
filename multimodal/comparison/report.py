"""The report of a folder of runs: one self-contained HTML page, and the same contents as Markdown and CSV."""

import logging
from pathlib import Path

from multimodal.comparison.comparison import compare
from multimodal.comparison.figure_sections import figure_sections
from multimodal.comparison.html import as_html
from multimodal.comparison.markdown import as_frame, as_markdown
from multimodal.comparison.reading import read_runs
from multimodal.io import whole, write_text

log = logging.getLogger(__name__)

LARGEST = 10_000_000  # largest size of the page in bytes
WIDEST = (1500, 1000, 700)  # widths of its pictures in pixels: the first one that keeps the page below


def write_report(folder: Path, margin: float) -> Path | None:
    """Write report.html, report.md and report.csv into the folder; None if it holds neither runs nor failures.

    Args:
        folder: a sweep's folder, or any folder of runs.
        margin: differences of accuracy below it count as equivalent; 0.01 is one point.
    """
    runs, failures = read_runs(folder)
    if not runs and not failures:
        return None
    comparison = compare(folder, runs, failures, margin)
    for widest in WIDEST:
        page = as_html(comparison, figure_sections(comparison.groups, widest))
        if len(encodable(page).encode()) < LARGEST:
            break
    else:
        log.warning("the page has %.0f MB even with small pictures", len(encodable(page).encode()) / 1e6)
    with whole(folder / "report.csv") as temporary:
        as_frame(comparison).to_csv(temporary, index=False, errors="backslashreplace")
    write_text(encodable(as_markdown(comparison)), folder / "report.md")
    write_text(encodable(page), folder / "report.html")
    return folder / "report.html"


def encodable(text: str) -> str:
    """Replace lone surrogates, which stand for the bytes of a name that is not UTF-8, by escapes."""
    return text.encode(errors="backslashreplace").decode()
