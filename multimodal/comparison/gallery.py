"""The gallery of a comparison: the same test samples side by side, with what each fusion made of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.html import PAGES
from multimodal.comparison.run import Run
from multimodal.comparison.run_links import page_link, run_label
from multimodal.errors import one_line
from multimodal.pages.inline_images import data_uri
from multimodal.pages.samples import FILE, Row, read_samples
from multimodal.types import CONDITIONS

COUNTS = (20, 10, 5)  # samples of a group: the first number that keeps the page below its largest size
MOST = 8  # runs of a group that has one fusion
ALIKE = ("index", "caption", "class", "image")  # equal in two runs for the same sample


@dataclass(frozen=True)
class Column:
    """One of the runs that are shown side by side: its name, and the link to its page, empty if it has none."""

    name: str
    link: str


@dataclass(frozen=True)
class GroupGallery:
    """The samples of a group of runs.

    Args:
        title: of the group.
        columns: the runs.
        samples: for each sample its row in each run.
        notes: runs that are not shown, and why.
    """

    title: str
    columns: list[Column]
    samples: list[list[Row]]
    notes: list[str]


def group_gallery(title: str, runs: list[Run], folder: Path) -> GroupGallery:
    """Gather the samples that a run of each fusion has saved; of a single fusion, those of its runs.

    Only runs with the same data and split have the same test samples; the split that most fusions have is shown.

    Args:
        title: of the group.
        runs: of the group.
        folder: of the page.
    """
    notes, saved = [], {}
    for run in runs:
        try:
            saved[run.folder] = read_samples(run.folder)
        except ValueError as error:
            notes.append(one_line(str(error)))
    able = [run for run in runs if saved.get(run.folder)]
    if not able:
        return GroupGallery(title, [], [], [*notes, f"No run of this group has saved samples ({FILE})."])
    splits = {
        seed: by_fusion([run for run in able if run.dataset_seed == seed]) for seed in {r.dataset_seed for r in able}
    }
    seed = min(splits, key=lambda seed: (-len(splits[seed]), seed))
    chosen = chosen_runs(splits[seed])
    absent = [name for name in by_fusion(runs) if name not in splits[seed]]
    if absent:
        notes.append(f"Without a run that has saved these samples: {', '.join(absent)}.")
    columns = [Column(f"{run.fusion}, {run_label(run, runs)}", page_link(run, folder)) for run in chosen]
    rows = [{tuple(row[name] for name in ALIKE): row for row in saved[run.folder]} for run in chosen]
    shared = [key for key in rows[0] if all(key in own for own in rows)]
    if not shared:
        return GroupGallery(
            title, columns, [], [*notes, "These runs share no test samples: nothing can be put side by side."]
        )
    return GroupGallery(title, columns, [[own[key] for own in rows] for key in shared], notes)


def chosen_runs(fusions: dict[str, list[Run]]) -> list[Run]:
    """Choose a run of each fusion, preferably of a seed that all have; of a single fusion its first runs."""
    if len(fusions) == 1:
        (own,) = fusions.values()
        return own[:MOST]
    common = set.intersection(*({run.seed for run in own} for own in fusions.values()))
    return [min(own, key=lambda run: (run.seed not in common, run.seed)) for own in fusions.values()]


def spread(samples: list[list[Row]], count: int) -> list[list[Row]]:
    """Return at most `count` samples, evenly apart: they are sorted by class."""
    step = max(1.0, len(samples) / count)
    return [samples[int(i * step)] for i in range(min(count, len(samples)))]


def gallery_page(title: str, galleries: list[GroupGallery], largest: int) -> str:
    """Render the page, with fewer samples if it is too large; an empty text if no group has samples.

    Args:
        title: of the page.
        galleries: of the groups.
        largest: bytes.
    """
    if not any(gallery.samples for gallery in galleries):
        return ""
    page = ""
    for count in COUNTS:
        shown: list[dict[str, Any]] = [{"group": g, "samples": spread(g.samples, count)} for g in galleries]
        page = PAGES.get_template("gallery.html.jinja").render(
            title=title, galleries=shown, conditions={n: c.title for n, c in CONDITIONS.items()}, data_uri=data_uri
        )
        if len(page) < largest:
            break
    return page
