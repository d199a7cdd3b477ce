"""Reliability diagrams: accuracy against the confidence of the predictions.

After Guo et al. 2017, On Calibration of Modern Neural Networks, https://arxiv.org/abs/1706.04599.
Differs: a bin includes its lower end, not its upper, as in torchmetrics' calibration error.
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
    add_footnote,
    create_figure,
    metric_text,
    style_axes,
    title_panel,
)
from multimodal.types import CONDITIONS

BINS = 15
FEW = 10  # predictions: bins with fewer are drawn pale
WIDTH, HEIGHT = 13.0, 7.7  # inches
SCORES = {"accuracy": "accuracy", "ECE": "ece"}
LIGHT = "#b8d5e8"  # light blue, behind the hatching
TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1]
NOTE = (
    f"Blue: accuracy in each of {BINS} confidence bins. Dashed: perfect calibration. Hatched: gap to the bin's mean\n"
    "confidence, on white if overconfident, on light blue if underconfident. ECE: mean gap, weighted by predictions.\n"
    f"Pale: bins with fewer than {FEW} predictions."
)


def draw_reliability(title: str, data: Data, results: Results) -> Figure:
    """Draw the reliability diagram of each condition, and the histogram of confidences below it."""
    figure = create_figure(WIDTH, HEIGHT, "Reliability: accuracy against confidence", title)
    panels = figure.subplots(2, len(CONDITIONS), height_ratios=(3.4, 1))
    label = data.splits["test"].label
    for (condition, (name, _)), diagram, histogram in zip(CONDITIONS.items(), *panels, strict=True):
        probability = results.predictions.probability[condition]
        scores = ", ".join(f"{n} {metric_text(results, f'{key}/{condition}')}" for n, key in SCORES.items())
        title_panel(diagram, f"given {name}", scores, size=13, weight="bold")
        draw_reliability_bars(diagram, *confidence_bins(probability, label))
        draw_confidence_histogram(histogram, probability, label)
    panels[0, 0].set_ylabel("accuracy", fontsize=11, color=INK)
    panels[1, 0].set_ylabel("share of\npredictions", fontsize=11, color=INK)
    add_footnote(figure, NOTE)
    return figure


def confidence_bins(probability: Tensor, label: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort predictions into 15 bins of confidence.

    Args:
        probability: (N, K) class probabilities.
        label: (N,) true classes.

    Returns:
        Number of predictions (15,), accuracy (15,) and mean confidence (15,) of each bin; nan if it is empty.
    """
    confidence, predicted = probability.double().max(1)
    correct = (predicted == label).double()
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    count = torch.bincount(bins, minlength=BINS)
    accuracy, mean_confidence = (torch.bincount(bins, x, minlength=BINS) / count for x in (correct, confidence))
    return count.numpy(), accuracy.numpy(), mean_confidence.numpy()


def draw_reliability_bars(axes: Axes, count: np.ndarray, accuracy: np.ndarray, confidence: np.ndarray) -> None:
    """Draw one bar per bin, from 0 to its accuracy, and the hatched gap between accuracy and mean confidence.

    Args:
        axes: the panel.
        count: (15,) predictions per bin.
        accuracy: (15,) accuracy of each bin.
        confidence: (15,) mean confidence of each bin.
    """
    used = count > 0
    middle = (np.arange(BINS)[used] + 0.5) / BINS
    accuracy, confidence = accuracy[used], confidence[used]
    low, gap = np.minimum(accuracy, confidence), abs(confidence - accuracy)
    lower = axes.bar(middle, low, 1 / BINS, color=BLUE, edgecolor="white", linewidth=0.8)
    faces = np.where(confidence > accuracy, "white", LIGHT)  # below the accuracy, the bar goes on behind the hatching
    hatched: dict[str, Any] = {"color": faces, "edgecolor": ORANGE, "hatch": "////", "linewidth": 1}
    upper = axes.bar(middle, gap, 1 / BINS, bottom=low, **hatched)
    for patch in itertools.chain(*(itertools.compress(bars, count[used] < FEW) for bars in (lower, upper))):
        patch.set_alpha(0.3)
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1.2, linestyle=(0, (4, 3)))
    style_confidence_axis(axes)
    axes.set(ylim=(0, 1.02), yticks=TICKS, xticklabels=[])


def draw_confidence_histogram(axes: Axes, probability: Tensor, label: Tensor) -> None:
    """Draw the histogram of confidences, their mean and the accuracy; a higher mean is overconfidence.

    Args:
        axes: the panel.
        probability: (N, K) class probabilities.
        label: (N,) true classes.
    """
    confidence, predicted = probability.double().max(1)
    count = confidence_bins(probability, label)[0]
    axes.bar((np.arange(BINS) + 0.5) / BINS, count / count.sum(), 1 / BINS, color=RULE, edgecolor="white")
    mean, accuracy = float(confidence.mean()), float((predicted == label).double().mean())
    axes.axvline(mean, color=ORANGE, linewidth=1.6)
    axes.axvline(accuracy, color=BLUE, linewidth=1.6, linestyle="--")
    style_confidence_axis(axes)
    axes.set(ylim=(0, 1.02), yticks=[0, 0.5, 1])
    means = f"confidence\nmean {mean:.3f} (orange), accuracy {accuracy:.3f} (blue, dashed)"
    axes.set_xlabel(means, fontsize=9.5, color=INK)


def style_confidence_axis(axes: Axes) -> None:
    """Set the confidence axis from 0 to 1, with a grid."""
    style_axes(axes)
    axes.set(xlim=(0, 1.005), xticks=TICKS)
    axes.grid(color=PALE, linewidth=0.8)
