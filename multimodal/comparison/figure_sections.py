"""The figures of a comparison: a section for each kind of figure, in it a gallery for each group of runs."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from multimodal.comparison.comparison_figures import (
    SEEDS,
    availability_figures,
    learning_figures,
    line_styles,
    surface_figures,
)
from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.inline_images import InlineImage, inline_figure, inline_file
from multimodal.comparison.run import Run

# {figure of a run: (heading, what it shows)}; one run of each fusion is displayed
RUN_FIGURES = {
    "generation": ("Generated samples", "Real test samples beside the image and the caption generated from the other"),
    "tsne": ("Joint representation", "t-SNE map of the joint representation of the test split, coloured by class"),
}


@dataclass(frozen=True)
class FigureSection:
    """Figures of one kind: their heading, how to read them, and {title of a group: pictures}."""

    heading: str
    how_to_read: str
    pictures: dict[str, list[InlineImage]]


def figure_sections(groups: dict[str, list[Run]], widest: int) -> list[FigureSection]:
    """Draw the sections, each picture at most `widest` pixels wide; sections without pictures are left out."""
    styles = line_styles(sorted({run.fusion for runs in groups.values() for run in runs}))

    def pictures_of(draw: Callable[[list[Run]], dict[str, Figure]], shows: str) -> dict[str, list[InlineImage]]:
        return {
            title: [inline_figure(f, name, f"{shows} {name}, {title}", widest) for name, f in draw(runs).items()]
            for title, runs in groups.items()
        }

    sections = [
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
