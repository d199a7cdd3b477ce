"""Runs that have saved what they made of the same test samples."""

from pathlib import Path

from multimodal.comparison.gallery import gallery_page, group_gallery
from multimodal.comparison.grouping import by_group
from multimodal.comparison.reading import read_runs
from multimodal.comparison.run import Run
from multimodal.evaluation.sample_table import predictions_of_test
from multimodal.io import write_text
from multimodal.pages.samples import write_samples
from tests.helpers.made_up_results import made_up_run
from tests.helpers.made_up_runs import make_run

FUSIONS = ("attention", "concat")
DATA, RESULTS = made_up_run(6, 4, 5)
ROWS = predictions_of_test(DATA, RESULTS.predictions, ("image", "text"), 24)


def make_runs(folder: Path, fusions: tuple[str, ...] = FUSIONS, seeds: int = 2) -> dict[str, list[Run]]:
    for fusion in fusions:
        for seed in range(seeds):
            run = make_run(folder, fusion, seed)
            write_samples([row | {"written/image": f"{fusion} {seed}"} for row in ROWS], run)
            (run / "run.html").write_text("")
    return by_group(read_runs(folder)[0])


def make_gallery(folder: Path) -> None:
    """`gallery.html` of five fusions."""
    groups = make_runs(folder, (*FUSIONS, "film", "product_of_experts", "sum"), 1)
    galleries = [group_gallery(title, runs, folder) for title, runs in groups.items()]
    write_text(gallery_page("made up", galleries, 10**7), folder / "gallery.html")
