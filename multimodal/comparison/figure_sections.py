"""The figures of a comparison, side by side, each gallery under the name of its data."""

from multimodal.comparison.comparison_figures import (
    SEEDS,
    availability_figures,
    learning_figures,
    looks,
    surface_figures,
)
from multimodal.comparison.fusion_tables import by_fusion
from multimodal.comparison.inline_images import Picture, of_figure, of_file
from multimodal.comparison.reading import Run

Shown = dict[str, list[Picture]]
# {file of a run: (heading, what it shows)}; one run of each fusion, that of the lowest seed that all have
DRAWN = {
    "generation": ("Generated samples", "Real test samples beside the image and the caption generated from the other"),
    "tsne": ("Joint representation", "t-SNE map of the joint representation of the test split, coloured by class"),
}


def galleries(groups: dict[str, list[Run]], widest: int) -> dict[str, tuple[str, Shown]]:
    """{heading: (how to read it, {data: pictures})}, each picture at most `widest` pixels wide."""
    look = looks(sorted({run.fusion for runs in groups.values() for run in runs}))
    found: dict[str, tuple[str, Shown]] = {
        "Accuracy under missing modalities": (
            f"One modality is missing more and more often, the other is always there; {SEEDS}.",
            {t: figures(t, availability_figures(runs, look), "Accuracy with", widest) for t, runs in groups.items()},
        ),
        "Availability surfaces": (
            "Accuracy in percent for each share of samples without image or without caption; mean over seeds; "
            "one colour scale for the fusions of a dataset.",
            {t: figures(t, surface_figures(runs), "Availability surface of", widest) for t, runs in groups.items()},
        ),
        "Learning curves": (
            f"On the validation split; {SEEDS}.",
            {t: figures(t, learning_figures(runs, look), "Learning curve:", widest) for t, runs in groups.items()},
        ),
    }
    for name, (heading, shows) in DRAWN.items():
        how = "The same test samples for each fusion, from the run of the lowest seed that all have."
        found[heading] = (how, {title: drawn(title, runs, name, shows, widest) for title, runs in groups.items()})
    return {heading: (how, shown) for heading, (how, shown) in found.items() if any(shown.values())}


def figures(title: str, drawn: dict, shows: str, widest: int) -> list[Picture]:
    """Those drawn for this report."""
    return [of_figure(figure, name, f"{shows} {name}, {title}", widest) for name, figure in drawn.items()]


def drawn(title: str, runs: list[Run], name: str, shows: str, widest: int) -> list[Picture]:
    """Those of the runs; a run without figures has none."""
    fusions = by_fusion(runs).values()
    common = set.intersection(*({run.seed for run in own} for own in fusions))
    first = [min(own, key=lambda run: (run.seed not in common, run.seed)) for own in fusions]
    return [
        of_file(run.folder / f"{name}.png", f"{run.fusion}, seed {run.seed}", f"{shows}: {run.fusion}, {title}", widest)
        for run in first
        if (run.folder / f"{name}.png").exists()
    ]
