"""The figures of a comparison: a section for each kind of figure, in it a gallery for each group of runs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from multimodal.comparison.budget_figure import budget_figures
from multimodal.comparison.comparison import Comparison
from multimodal.comparison.comparison_figures import (
    SEEDS,
    availability_figures,
    learning_figures,
    line_styles,
    surface_figures,
)
from multimodal.comparison.forest import draw_forest, split_panel
from multimodal.comparison.forest_panels import forest_panels
from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.markdown import DIFFERENCES
from multimodal.comparison.pairwise_test import LEAST
from multimodal.comparison.pairwise_test import SEEDS as FEWEST
from multimodal.comparison.run import Run
from multimodal.metric.catalogue import primary
from multimodal.pages.inline_images import InlineImage, inline_figure, inline_file

# {figure of a run: (heading, what it shows)}; one run of each fusion is displayed
RUN_FIGURES = {
    "generation": ("Generated samples", "Real test samples beside the image and the caption generated from the other"),
    "tsne": ("Joint representation", "t-SNE map of the joint representation of the test split, coloured by class"),
}
FOREST = (
    "Differences in {}: the mean over seeds with its 95 % interval, and below it a dot for each seed. Filled diamond: "
    "significant over seeds and over test samples, after Holm's correction; half filled: over seeds only; hollow: not "
    f"shown to differ. Circle: fewer than {FEWEST} seeds, too few for a test; under {LEAST} without an interval. “of”: "
    "the largest difference that the task's ceiling leaves."
)


@dataclass(frozen=True)
class FigureSection:
    """Figures of one kind: their heading, how to read them, and {title of a group: pictures}."""

    heading: str
    how_to_read: str
    pictures: dict[str, list[InlineImage]]


def forest_section(comparison: Comparison, widest: int) -> FigureSection:
    """Draw the forest plot, a picture for each question, as wide as a phone; without any test it has no pictures."""
    unit = primary().unit
    parts = [part for panel in forest_panels(comparison.tests, comparison.groups) for part in split_panel(panel)]
    figures = {part.title: draw_forest(part, comparison.margin, unit) for part in parts}
    pictures = [
        inline_figure(figure, title, f"{title}: differences in {primary().title}", widest)
        for title, figure in figures.items()
    ]
    return FigureSection(DIFFERENCES, FOREST.format(primary().title), {"": pictures} if pictures else {})


def figure_sections(groups: dict[str, list[Run]], widest: int) -> list[FigureSection]:
    """Draw the sections, each picture at most `widest` pixels wide; sections without pictures are left out."""
    styles = line_styles(sorted({run.fusion for runs in groups.values() for run in runs}))

    def pictures_of(draw: Callable[[list[Run]], dict[str, Figure]], shows: str) -> dict[str, list[InlineImage]]:
        return in_one_gallery(
            {
                title: [inline_figure(f, name, f"{shows} {name}, {title}", widest) for name, f in draw(runs).items()]
                for title, runs in groups.items()
            }
        )

    curves = [
        inline_figure(figure, title, f"Accuracy over the budget, {title}", widest)
        for title, figure in budget_figures(groups, styles).items()
    ]
    sections = [
        FigureSection(
            "Accuracy over the budget",
            f"With both modalities, after each number of training steps; {SEEDS}.",
            {"": curves} if curves else {},
        ),
        FigureSection(
            "Accuracy under missing modalities",
            f"One modality is missing more and more often, the other is always there; {SEEDS}.",
            pictures_of(lambda runs: availability_figures(runs, styles), "Accuracy with"),
        ),
        FigureSection(
            "Availability surfaces",
            "Accuracy in percent for each share of samples without image or without caption; mean over seeds; "
            "one colour scale for the fusions of a dataset.",
            pictures_of(surface_figures, "Availability surface of"),
        ),
        FigureSection(
            "Learning curves",
            f"On the validation split; {SEEDS}.",
            pictures_of(lambda runs: learning_figures(runs, styles), "Learning curve:"),
        ),
    ]
    how = "The same test samples for each fusion, from the run of the lowest seed that all have."
    for name, (heading, shows) in RUN_FIGURES.items():
        pictures = {title: run_pictures(title, runs, name, shows, widest) for title, runs in groups.items()}
        sections.append(FigureSection(heading, how, pictures))
    return [section for section in sections if any(section.pictures.values())]


def in_one_gallery(pictures: dict[str, list[InlineImage]]) -> dict[str, list[InlineImage]]:
    """Join groups of one picture each into a gallery without a title, in which each picture names its group."""
    drawn = {title: own for title, own in pictures.items() if own}
    if len(drawn) < 2 or any(len(own) > 1 for own in drawn.values()):
        return pictures
    return {"": [replace(picture, title=f"{picture.title}, {title}") for title, (picture,) in drawn.items()]}


def run_pictures(title: str, runs: list[Run], name: str, shows: str, widest: int) -> list[InlineImage]:
    """Read a saved figure of one run of each fusion, preferably of a seed that all have; missing files are left out."""
    fusions = by_fusion(runs).values()
    common = set.intersection(*({run.seed for run in own} for own in fusions))
    chosen = [min(own, key=lambda run: (run.seed not in common, run.seed)) for own in fusions]
    return [
        inline_file(file, f"{run.fusion}, seed {run.seed}", f"{shows}: {run.fusion}, {title}", widest)
        for run in chosen
        if (file := run.folder / f"{name}.png").exists()
    ]
