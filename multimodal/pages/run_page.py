"""The page of one run, `run.html`: its metrics, figures, predictions and data, without a network."""

import platform
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.figures.data_card import card_facts
from multimodal.io import write_text
from multimodal.pages.environment import encodable, page_templates
from multimodal.pages.inline_images import InlineImage, data_uri, inline_file
from multimodal.pages.metric_lines import all_numbers, metric_lines, not_measured
from multimodal.runs.command import repeating_command
from multimodal.runs.record import RunRecord
from multimodal.training.selection import SELECTIONS, best_row
from multimodal.types import CONDITIONS

FILE = "run.html"
TEMPLATES = page_templates(Path(__file__).parent)
WIDEST = 1500  # pixels of a figure: its texts are legible when it is enlarged
PACKAGES = ("multimodal-suite", "torch", "torchvision", "numpy")  # whose versions may change a number
GROUPS: tuple[str, ...] = (
    "dataset",
    "task",
    "caption",
    "fusion",
    "missing",
    "encoder/image",
    "encoder/text",
)  # of the config, shown
GROUPS += ("head/image", "head/text", "head/label", "loss", "optimizer", "scheduler")


class Described(NamedTuple):
    """Words for a figure: its title, what it shows, and whether it has no pictures, so that a dark page inverts it."""

    title: str
    shows: str
    plot: bool


# figures without an entry have their names as titles
FIGURES = {
    "generation": Described(
        "Generation", "Real test samples beside what was generated from caption, image and both", False
    ),
    "drawings": Described("Several drawings for one caption", "Each drawn from another noise", False),
    "masking": Described(
        "Missing modalities, sample by sample", "What is predicted from both, and from each alone", False
    ),
    "attention": Described("Attention", "Where each word of a caption looks in its image", False),
    "availability": Described("Availability", "Accuracy for each share of samples without image or caption", True),
    "missing": Described(
        "Independently missing modalities", "Accuracy when each is missing at a rate of its own", True
    ),
    "confusion": Described("Confusion", "Predicted by true class", True),
    "reliability": Described("Reliability", "Accuracy at each confidence", True),
    "tsne": Described("Joint representation", "t-SNE map of the test split, coloured by class", True),
    "embeddings": Described("Embeddings of the encoders", "t-SNE map of images and captions; lines join pairs", True),
    "curves": Described("Learning curves", "Losses and accuracies over the training steps", True),
    "imbalance": Described("Balance of the modalities", "How much is learned of each modality over the steps", True),
    "data_card": Described("Data card", "Training samples, class sizes, caption lengths", False),
}


def write_run_page(
    folder: Path,
    record: RunRecord,
    data: Data,
    history: list[dict[str, float]],
    results: Results,
    figures: dict[str, Path],
    samples: list[dict[str, Any]],
) -> Path:
    """Write the page into the run's folder and return its file.

    Args:
        folder: the run's.
        record: of the run.
        data: what it was evaluated on.
        history: rows of the training history; empty if unknown.
        results: of the evaluation.
        figures: {name: PNG file}.
        samples: rows of `samples.parquet`, at least one.
    """
    page = TEMPLATES.get_template("run.html.jinja").render(
        title=record.title,
        facts=run_facts(record, data, history),
        metrics=metric_lines(results),
        numbers=all_numbers(results),
        not_measured=not_measured(results),
        figures=[inline_run_figure(name, figures[name], record.title) for name in ordered(figures)],
        samples=samples,
        classes=[name for name in data.class_names if name in {row["class"] for row in samples}],
        conditions={name: condition.title for name, condition in CONDITIONS.items()},
        meaningless=data.undefined,
        data_uri=data_uri,
        card=data.card,
        card_facts=card_facts(data, data.card),
        class_names=data.class_names,
        command=repeating_command(record.overrides, record.data_source, folder),
        keys={"run": record.key, "evaluation": record.evaluation_key, "data": record.fingerprint, "code": record.code},
        versions=versions(),
    )
    write_text(encodable(page), folder / FILE)
    return folder / FILE


def run_facts(record: RunRecord, data: Data, history: list[dict[str, float]]) -> dict[str, str]:
    """Return {name: value} of what the run is; no measure of how good it is."""
    chosen = {group: str(record.choices[group]) for group in GROUPS if record.choices.get(group) is not None}
    training = record.config["training"]
    facts = {"source": record.data_source} | chosen | {"seed": str(record.seed)}
    facts["test samples"] = f"{len(data.splits['test']):,}"
    facts |= {"training steps": f"{training['steps']:,}", "precision": training["precision"]}
    if record.checkpoint is not None:
        facts["checkpoint"] = f"SHA-256 {record.checkpoint[:12]}…, evaluated again"
    elif history:
        kept = best_row(history, training["select"])
        facts["checkpoint"] = f"step {kept['step']:,.0f}, {SELECTIONS[training['select']].title}"
    if record.tuning is not None:
        facts["tuned"] = f"trial {record.tuning['trial']} of {record.tuning['trials']}"
    return facts


def ordered(figures: dict[str, Path]) -> list[str]:
    """Return the names of figures in the order of FIGURES, then others."""
    return [name for name in (*FIGURES, *(set(figures) - set(FIGURES))) if name in figures]


def inline_run_figure(name: str, file: Path, run: str) -> InlineImage:
    """Read a figure that the run has saved."""
    known = FIGURES.get(name, Described(name.replace("_", " ").capitalize(), name, plot=False))
    picture = inline_file(file, known.title, f"{known.title}: {known.shows}; {run}", WIDEST)
    return replace(picture, plot=known.plot)


def versions() -> dict[str, str]:
    """Return {package: version}, with that of Python."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # the source tree on the path, without an installation
            found[name] = "not installed"
    return found
