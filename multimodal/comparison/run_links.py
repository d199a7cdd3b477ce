"""Links from a comparison to the pages of its runs."""

import os
from pathlib import Path
from urllib.parse import quote

from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.run import Run
from multimodal.pages.run_page import FILE

Links = dict[str, dict[str, list[tuple[str, str]]]]


def run_links(groups: dict[str, list[Run]], folder: Path) -> Links:
    """Return {title of a group: {fusion: (name of a run, link to its page)}}; empty if no run has a page.

    Args:
        groups: {title: runs}.
        folder: the links are relative to it; that of a run without a page is empty.
    """
    links = {
        title: {
            fusion: [(run_label(run, runs), page_link(run, folder)) for run in own]
            for fusion, own in by_fusion(runs).items()
        }
        for title, runs in groups.items()
    }
    return links if any(link for own in links.values() for pairs in own.values() for _, link in pairs) else {}


def run_label(run: Run, runs: list[Run]) -> str:
    """Return the seed of a run, after that of its data where the runs differ in it."""
    split = f"data seed {run.dataset_seed}, " if len({each.dataset_seed for each in runs}) > 1 else ""
    return f"{split}seed {run.seed}"


def page_link(run: Run, folder: Path) -> str:
    """Return the relative address of a run's page; an empty text if it has none."""
    file = run.folder / FILE
    return quote(Path(os.path.relpath(file, folder)).as_posix()) if file.is_file() else ""
