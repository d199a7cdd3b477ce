"""Confusion matrices, with both modalities and with each alone."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from sklearn.metrics import confusion_matrix
from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.figures.layout import (
    HEAD,
    INK,
    PALE,
    QUIET,
    RULE,
    add_footnote,
    create_figure,
    metric_text,
    short_name,
    title_panel,
)
from multimodal.types import CONDITIONS

WIDTH, SIDE = 13.2, 3.6  # inches: width of the page, side of a matrix
MIN_CELL = 0.27  # inches: smaller cells have no numbers
MAX_LABELS, MAX_PAIRS = 26, 5  # classes named on an axis, pairs listed below a matrix
SCORES = {"accuracy": "accuracy", "macro-F1": "macro_f1"}
NOTE = "Colour: share of the samples of the true class. Numbers: samples."


def draw_confusion(title: str, data: Data, results: Results) -> Figure:
    """Draw one matrix per condition, with the true classes as rows, and the most frequent confusions below it."""
    names, label = [short_name(name) for name in data.class_names], data.splits["test"].label
    tables = {c: confusion_counts(results.predictions.probability[c], label) for c in CONDITIONS}
    confusions = {c: most_confused(table, data.class_names) for c, table in tables.items()}
    below = 0.075 * max(map(len, names)) + 0.2 * max(lines.count("\n") for lines in confusions.values())
    figure = create_figure(WIDTH, HEAD + SIDE + below + 1.6, "Confusion matrices", title)
    panels = figure.subplots(1, len(CONDITIONS))
    for axes, (condition, (name, _)) in zip(panels, CONDITIONS.items(), strict=True):
        scores = ", ".join(f"{n} {metric_text(results, f'{key}/{condition}')}" for n, key in SCORES.items())
        title_panel(axes, f"given {name}", scores, size=13, weight="bold")
        colors = draw_matrix(axes, tables[condition])
        label_matrix_axes(axes, names, first=axes is panels[0])
        axes.set_xlabel(
            "predicted class" + confusions[condition], fontsize=10, color=INK, linespacing=1.4, parse_math=False
        )
    bar = figure.colorbar(colors, cax=panels[-1].inset_axes((1.05, 0, 0.04, 1)), ticks=[0, 0.5, 1])
    bar.outline.set_visible(False)
    add_footnote(figure, NOTE)
    return figure


def confusion_counts(probability: Tensor, label: Tensor) -> np.ndarray:
    """Count samples by true and predicted class: probabilities (N, K) and labels (N,) -> (K, K)."""
    return confusion_matrix(label, probability.argmax(1), labels=range(probability.shape[1]))


def row_shares(table: np.ndarray) -> np.ndarray:
    """Divide the counts (K, K) by the size of each true class: -> (K, K), rows sum to 1, nan if it has no samples."""
    total = table.sum(1, keepdims=True)
    return np.where(total > 0, table / np.maximum(total, 1), np.nan)


def draw_matrix(axes: Axes, table: np.ndarray) -> AxesImage:
    """Draw shares as colours from 0 to 1, and the counts (K, K) as numbers if the cells are large enough."""
    share, classes = row_shares(table), len(table)
    axes.set_facecolor(PALE)  # a class without samples
    colors = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.spines[:].set(visible=True, color=RULE)
    if SIDE / classes < MIN_CELL:
        return colors
    size = min(13.0, 72 * SIDE / classes * 0.33)
    for (i, j), value in np.ndenumerate(table):
        if value or classes <= 4:
            count = f"{value}\n{share[i, j]:.1%}" if classes <= 4 and np.isfinite(share[i, j]) else str(value)
            ink = "white" if share[i, j] > 0.55 else INK
            axes.text(j, i, count, ha="center", va="center", fontsize=size, color=ink)
    return colors


def label_matrix_axes(axes: Axes, names: list[str], first: bool) -> None:
    """Label the axes with at most MAX_LABELS class names, evenly spaced; true classes only at the first matrix."""
    labelled = range(0, len(names), -(-len(names) // MAX_LABELS))
    labels = [names[k].replace("$", r"\$") for k in labelled]
    room = 72 * SIDE / len(labelled)  # points
    size = min(10.0, room / 1.25)
    axes.set_xticks(labelled, labels, rotation=90 if max(map(len, names)) * 0.65 * size > room else 0)
    axes.set_yticks(labelled, labels if first else [])
    axes.tick_params(labelsize=size, labelcolor=QUIET, color=RULE, length=2 if len(names) > MAX_LABELS else 0)
    if first:
        axes.set_ylabel("true class", fontsize=11, color=INK)


def most_confused(table: np.ndarray, names: list[str]) -> str:
    """List the most frequent confusions, one per line: true class → predicted class, and how many of its samples.

    Returns an empty text if the cells of the matrix have numbers.
    """
    if SIDE / len(table) >= MIN_CELL:
        return ""
    wrong = table * (1 - np.eye(len(table), dtype=table.dtype))
    pairs = [np.unravel_index(at, wrong.shape) for at in wrong.ravel().argsort(kind="stable")[::-1][:MAX_PAIRS]]
    lines = [
        f"{short_name(names[i])} → {short_name(names[j])}: {wrong[i, j]} of {table[i].sum()}"
        for i, j in pairs
        if wrong[i, j]
    ]
    return "\n".join(["", "most frequent confusions:", *lines]) if lines else ""
