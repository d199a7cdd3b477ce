"""Confusion matrices: which class is taken for which, with both modalities and with each alone."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.figures.layout import HEAD, INK, MARGIN, PALE, QUIET, RULE, Page, metric, short
from multimodal.figures.text_layout import set_words, width_of
from multimodal.types import CONDITIONS

SIDE, GAP = 3.6, 0.35  # inches: a matrix, and between two
CELL = 0.27  # inches: in smaller cells no number is legible
NAMES, WORST = 26, 5  # classes named on an axis, pairs listed, at most
SCORES = {"accuracy": "accuracy", "macro-F1": "macro_f1"}
NOTE = "Colour: share of the true class's samples, as on the bar. In a cell: samples."


def draw_confusion(title: str, data: Data, results: Results) -> Figure:
    """A matrix for each condition, its rows the true classes, and beneath it what is confused most often."""
    names, label = [short(name) for name in data.class_names], data.splits["test"].label
    size = min(10.0, 72 * SIDE / min(len(names), NAMES) / 1.25)
    longest = max(width_of(name, size, "normal") for name in names)
    upright = longest > 0.9 * SIDE / min(len(names), NAMES)
    left, top = MARGIN + 0.35 + longest, HEAD + 0.62
    bottom = top + SIDE + (longest if upright else 0.15) + 0.5
    width = left + 3 * (SIDE + GAP) + 0.6
    tables = {c: counts(results.predictions.probability[c], label) for c in CONDITIONS}
    listed = {c: set_worst(table, data.class_names) for c, table in tables.items()}
    height = bottom + max(sum(block.height for block in blocks) for blocks in listed.values()) + 0.55
    page = Page(width, height, "Confusion: which class is taken for which", title)
    for i, (condition, (name, _)) in enumerate(CONDITIONS.items()):
        x = left + i * (SIDE + GAP)
        page.text(x, top - 0.35, f"given {name}", fontsize=12, weight="bold")
        scores = ", ".join(f"{n} {metric(results, f'{key}/{condition}')}" for n, key in SCORES.items())
        page.text(x, top - 0.13, scores, fontsize=10.5, color=QUIET)
        axes = page.axes(x, top, SIDE, SIDE)
        shown = draw_matrix(axes, tables[condition])
        name_axes(axes, names, size, upright, first=i == 0)
        place = bottom
        for block in listed[condition]:
            place = page.block(block, x, place, color=QUIET)
    bar = page.figure.colorbar(shown, cax=page.axes(left + 3 * (SIDE + GAP) - 0.1, top, 0.15, SIDE), ticks=[0, 0.5, 1])
    bar.outline.set_visible(False)
    page.text(MARGIN, height - 0.22, NOTE, fontsize=10, color=QUIET)
    return page.figure


def counts(probability: Tensor, label: Tensor) -> np.ndarray:
    """(N, K), (N,) -> (K, K) samples, by true class and by answer."""
    classes = probability.shape[1]
    flat = label * classes + probability.argmax(1)
    return torch.bincount(flat, minlength=classes * classes).unflatten(0, (classes, classes)).numpy()


def shares(table: np.ndarray) -> np.ndarray:
    """(K, K) samples -> of each true class, nan where it has no samples."""
    total = table.sum(1, keepdims=True)
    return np.where(total > 0, table / np.maximum(total, 1), np.nan)


def draw_matrix(axes: Axes, table: np.ndarray):
    """Shares as colours from 0 to 1; samples as numbers, where a cell has room for them."""
    share, classes = shares(table), len(table)
    axes.set_facecolor(PALE)  # a class without samples
    shown = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.spines[:].set(visible=True, color=RULE)
    if SIDE / classes < CELL:
        return shown
    size = min(13.0, 72 * SIDE / classes * 0.33)
    for (i, j), value in np.ndenumerate(table):
        if value or classes <= 4:
            said = f"{value}\n{share[i, j]:.1%}" if classes <= 4 and np.isfinite(share[i, j]) else str(value)
            ink = "white" if share[i, j] > 0.55 else INK
            axes.text(j, i, said, ha="center", va="center", fontsize=size, color=ink)
    return shown


def name_axes(axes: Axes, names: list[str], size: float, upright: bool, first: bool) -> None:
    """Class names, of many classes every second, third ...; the true ones at the first matrix only."""
    shown = range(0, len(names), -(-len(names) // NAMES))
    said = [names[k].replace("$", r"\$") for k in shown]
    axes.set_xticks(shown, said, rotation=90 if upright else 0)
    axes.set_yticks(shown, said if first else [])
    axes.tick_params(labelsize=size, length=2 if len(names) > NAMES else 0)
    axes.set_xlabel("answer", fontsize=11, color=INK)
    if first:
        axes.set_ylabel("true class", fontsize=11, color=INK)


def set_worst(table: np.ndarray, names: list[str]) -> list:
    """What is confused most often, a line each: of samples of a class, how many got the same wrong answer."""
    if SIDE / len(table) >= CELL:
        return []  # the cells say it
    wrong = table * (1 - np.eye(len(table), dtype=table.dtype))
    pairs = [np.unravel_index(at, wrong.shape) for at in wrong.ravel().argsort(kind="stable")[::-1][:WORST]]
    lines = [
        f"{short(names[i])} → {short(names[j])}: {wrong[i, j]} of {table[i].sum()}" for i, j in pairs if wrong[i, j]
    ]
    return [set_words(line.split(), SIDE, 9.5) for line in ("most often confused:", *lines)] if lines else []
