"""Confusion matrices: which class is taken for which, with both modalities and with each alone."""

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
    footnote,
    metric_text,
    open_figure,
    short_name,
    title_panel,
)
from multimodal.types import CONDITIONS

WIDTH, SIDE = 13.2, 3.6  # inches: the page, a matrix
CELL = 0.27  # inches: in smaller cells no number is legible
NAMES, WORST = 26, 5  # classes named on an axis, pairs listed, at most
SCORES = {"accuracy": "accuracy", "macro-F1": "macro_f1"}
NOTE = "Colour: share of the true class's samples, as on the bar. In a cell: samples."


def draw_confusion(title: str, data: Data, results: Results) -> Figure:
    """Draw a matrix for each condition, its rows the true classes, and beneath it what is confused most often."""
    names, label = [short_name(name) for name in data.class_names], data.splits["test"].label
    tables = {c: confusion_counts(results.predictions.probability[c], label) for c in CONDITIONS}
    lists = {c: most_confused(table, data.class_names) for c, table in tables.items()}
    below = 0.075 * max(map(len, names)) + 0.2 * max(listed.count("\n") for listed in lists.values())
    figure = open_figure(WIDTH, HEAD + SIDE + below + 1.6, "Confusion: which class is taken for which", title)
    panels = figure.subplots(1, len(CONDITIONS))
    for axes, (condition, (name, _)) in zip(panels, CONDITIONS.items(), strict=True):
        scores = ", ".join(f"{n} {metric_text(results, f'{key}/{condition}')}" for n, key in SCORES.items())
        title_panel(axes, f"given {name}", scores, size=13, weight="bold")
        colors = draw_matrix(axes, tables[condition])
        name_matrix_axes(axes, names, first=axes is panels[0])
        axes.set_xlabel("answer" + lists[condition], fontsize=10, color=INK, linespacing=1.4, parse_math=False)
    bar = figure.colorbar(colors, cax=panels[-1].inset_axes((1.05, 0, 0.04, 1)), ticks=[0, 0.5, 1])
    bar.outline.set_visible(False)
    footnote(figure, NOTE)
    return figure


def confusion_counts(probability: Tensor, label: Tensor) -> np.ndarray:
    """(N, K), (N,) -> (K, K) samples, by true class and by answer."""
    return confusion_matrix(label, probability.argmax(1), labels=range(probability.shape[1]))


def row_shares(table: np.ndarray) -> np.ndarray:
    """(K, K) samples -> shares of each true class, nan where it has no samples."""
    total = table.sum(1, keepdims=True)
    return np.where(total > 0, table / np.maximum(total, 1), np.nan)


def draw_matrix(axes: Axes, table: np.ndarray) -> AxesImage:
    """Draw shares as colours from 0 to 1; samples as numbers, where a cell has room for them."""
    share, classes = row_shares(table), len(table)
    axes.set_facecolor(PALE)  # a class without samples
    colors = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.spines[:].set(visible=True, color=RULE)
    if SIDE / classes < CELL:
        return colors
    size = min(13.0, 72 * SIDE / classes * 0.33)
    for (i, j), value in np.ndenumerate(table):
        if value or classes <= 4:
            count = f"{value}\n{share[i, j]:.1%}" if classes <= 4 and np.isfinite(share[i, j]) else str(value)
            ink = "white" if share[i, j] > 0.55 else INK
            axes.text(j, i, count, ha="center", va="center", fontsize=size, color=ink)
    return colors


def name_matrix_axes(axes: Axes, names: list[str], first: bool) -> None:
    """Write class names, of many classes every second, third ...; the true ones at the first matrix only."""
    shown = range(0, len(names), -(-len(names) // NAMES))
    labels = [names[k].replace("$", r"\$") for k in shown]
    room = 72 * SIDE / len(shown)  # points
    size = min(10.0, room / 1.25)
    axes.set_xticks(shown, labels, rotation=90 if max(map(len, names)) * 0.65 * size > room else 0)
    axes.set_yticks(shown, labels if first else [])
    axes.tick_params(labelsize=size, labelcolor=QUIET, color=RULE, length=2 if len(names) > NAMES else 0)
    if first:
        axes.set_ylabel("true class", fontsize=11, color=INK)


def most_confused(table: np.ndarray, names: list[str]) -> str:
    """Return what is confused most often, a line each: of samples of a class, how many got the same wrong answer."""
    if SIDE / len(table) >= CELL:
        return ""  # the cells say it
    wrong = table * (1 - np.eye(len(table), dtype=table.dtype))
    pairs = [np.unravel_index(at, wrong.shape) for at in wrong.ravel().argsort(kind="stable")[::-1][:WORST]]
    lines = [
        f"{short_name(names[i])} → {short_name(names[j])}: {wrong[i, j]} of {table[i].sum()}"
        for i, j in pairs
        if wrong[i, j]
    ]
    return "\n".join(["", "most often confused:", *lines]) if lines else ""
