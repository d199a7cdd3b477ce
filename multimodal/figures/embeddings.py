"""Embeddings of the image and text encoders on one t-SNE map, with lines between matching pairs.

The modality gap is defined as in Liang et al. 2022, Mind the Gap, https://arxiv.org/abs/2203.02053.
"""

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.sampling import sample_rows
from multimodal.figures.layout import INK
from multimodal.figures.tsne import (
    MapGroups,
    draw_group_maps,
    draw_map_legend,
    label_classes,
    latent_scores_text,
    legend_marker,
    tsne_coordinates,
)
from multimodal.types import MODALITIES

MAX_PAIRS = 30  # joined by a line
GROUPS = {name: f"{word}s" for name, word in MODALITIES.items()}
LINE: dict[str, Any] = {"color": INK, "linewidth": 0.7}
PAIR_SCORES = {
    "modality_gap": "before t-SNE: modality gap",
    "true_pair_cosine": "cosine of matching pairs",
    "alignment": "alignment (lower is closer)",
    "uniformity": "uniformity (lower is more even)",
}


def draw_embeddings(title: str, data: Data, results: Results, points: int, seed: int) -> Figure:
    """Draw the normalised embeddings of images and captions on one t-SNE map.

    Args:
        title: names dataset, source, fusion and seed.
        data: samples are drawn from its test split.
        results: of the evaluation.
        points: largest number of points; each sample has two.
        seed: of the choice of samples and of t-SNE.
    """
    test, encoded = data.splits["test"], results.predictions.encoded
    rows = sample_rows(len(test), max(1, points // len(GROUPS)), seed)
    vectors = torch.stack([encoded[group][rows].float() for group in GROUPS])
    positions = tsne_coordinates(torch.nn.functional.normalize(vectors, dim=-1), seed)  # (2, n, 2)
    label = test.content[rows].numpy()  # the pictured class; a label may depend on both inputs
    groups = MapGroups(GROUPS, positions, label, data.class_names)
    joined = sample_rows(len(rows), MAX_PAIRS, seed).numpy()
    note = f"{len(rows)} test samples, each as image and as caption; lines join {len(joined)} pairs"
    scores = latent_scores_text(results, PAIR_SCORES)
    figure, panels = draw_group_maps("Embeddings of the encoders (t-SNE)", f"{title}; {note}", scores, groups)
    draw_pair_lines(panels["all"], positions[:, joined])
    markers = [legend_marker(group, name) for group, name in GROUPS.items()]
    draw_map_legend(panels["legend"], "embedding of", [*markers, Line2D([], [], label="matching pair", **LINE)], groups)
    label_classes(panels["all"], positions[0], label, data.class_names)
    return figure


def draw_pair_lines(axes: Axes, positions: np.ndarray) -> None:
    """Draw a line from each image to its caption: (2, n, 2) positions of images and captions."""
    axes.add_collection(LineCollection(list(positions.swapaxes(0, 1)), alpha=0.6, zorder=2.5, **LINE), autolim=False)
