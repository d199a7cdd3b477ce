"""Reliability diagrams: how often the model is right when it says how sure it is.

After Guo et al. 2017, On Calibration of Modern Neural Networks, https://arxiv.org/abs/1706.04599.
Differs: a bin holds its lower end, not its upper, as in torchmetrics' calibration error.
"""

import itertools
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.figures.layout import (
    BLUE,
    INK,
    ORANGE,
    PALE,
    QUIET,
    RULE,
    footnote,
    metric_text,
    open_figure,
    style_axes,
    title_panel,
)
from multimodal.types import CONDITIONS

BINS = 15
FEW = 10  # answers: a bin with fewer is drawn pale
WIDTH, HEIGHT = 13.0, 7.7  # inches
SCORES = {"accuracy": "accuracy", "ECE": "ece"}
LIGHT = "#b8d5e8"  # of the blue bars, behind the hatching
TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1]
NOTE = (
    "Bars: accuracy of the answers in each of 15 bins of confidence. Dashed: perfect calibration. Hatched: the gap to\n"
    "the bin's mean confidence, on white where too sure, on blue where not sure enough; ECE: its mean over answers.\n"
    f"Pale: fewer than {FEW} answers, which say little."
)


def draw_reliability(title: str, data: Data, results: Results) -> Figure:
    """Draw a panel for each condition, and beneath it how often each confidence is given."""
    figure = open_figure(WIDTH, HEIGHT, "Reliability: confidence against accuracy", title)
    panels = figure.subplots(2, len(CONDITIONS), height_ratios=(3.4, 1))
    label = data.splits["test"].label
    for (condition, (name, _)), diagram, histogram in zip(CONDITIONS.items(), *panels, strict=True):
        probability = results.predictions.probability[condition]
        scores = ", ".join(f"{n} {metric_text(results, f'{key}/{condition}')}" for n, key in SCORES.items())
        title_panel(diagram, f"given {name}", scores, size=13, weight="bold")
        draw_bins(diagram, *confidence_bins(probability, label))
        draw_confidences(histogram, probability, label)
    panels[0, 0].set_ylabel("accuracy", fontsize=11, color=INK)
    panels[1, 0].set_ylabel("share of\nanswers", fontsize=11, color=INK)
    footnote(figure, NOTE)
    return figure


def confidence_bins(probability: Tensor, label: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, K), (N,) -> answers, accuracy and mean confidence of each of 15 bins; nan where a bin is empty."""
    confidence, answer = probability.double().max(1)
    right = (answer == label).double()
    place = (confidence * BINS).long().clamp(max=BINS - 1)
    count = torch.bincount(place, minlength=BINS)
    accuracy, mean = (torch.bincount(place, x, minlength=BINS) / count for x in (right, confidence))
    return count.numpy(), accuracy.numpy(), mean.numpy()


def draw_bins(axes: Axes, count: np.ndarray, accuracy: np.ndarray, confidence: np.ndarray) -> None:
    """Draw accuracy against confidence."""
    used = count > 0
    middle = (np.arange(BINS)[used] + 0.5) / BINS
    right, sure = accuracy[used], confidence[used]
    lower = axes.bar(middle, np.minimum(right, sure), 1 / BINS, color=BLUE, edgecolor="white", linewidth=0.8)
    faces = np.where(sure > right, "white", LIGHT)  # below the accuracy the bar goes on behind the hatching
    hatched: dict[str, Any] = {"color": faces, "edgecolor": ORANGE, "hatch": "////", "linewidth": 1}
    upper = axes.bar(middle, abs(sure - right), 1 / BINS, bottom=np.minimum(right, sure), **hatched)
    for patch in itertools.chain(*(itertools.compress(bars, count[used] < FEW) for bars in (lower, upper))):
        patch.set_alpha(0.3)
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1.2, linestyle=(0, (4, 3)))
    style_confidence_axis(axes)
    axes.set(ylim=(0, 1.02), yticks=TICKS, xticklabels=[])


def draw_confidences(axes: Axes, probability: Tensor, label: Tensor) -> None:
    """Draw how often each confidence is given; its mean and the accuracy, whose distance says over or under."""
    confidence, answer = probability.double().max(1)
    count = confidence_bins(probability, label)[0]
    axes.bar((np.arange(BINS) + 0.5) / BINS, count / count.sum(), 1 / BINS, color=RULE, edgecolor="white")
    mean, right = float(confidence.mean()), float((answer == label).double().mean())
    axes.axvline(mean, color=ORANGE, linewidth=1.6)
    axes.axvline(right, color=BLUE, linewidth=1.6, linestyle="--")
    style_confidence_axis(axes)
    axes.set(ylim=(0, 1.02), yticks=[0, 0.5, 1])
    means = f"confidence\nmean {mean:.3f} (orange), accuracy {right:.3f} (blue, dashed)"
    axes.set_xlabel(means, fontsize=9.5, color=INK)


def style_confidence_axis(axes: Axes) -> None:
    """Draw the confidence axis, from 0 to 1."""
    style_axes(axes)
    axes.set(xlim=(0, 1.005), xticks=TICKS)
    axes.grid(color=PALE, linewidth=0.8)
