"""The two encoders' embeddings on one map: t-SNE of images and captions, and how far a pair lies apart.

The modality gap is that of Liang et al. 2022, Mind the Gap, https://arxiv.org/abs/2203.02053.
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
    draw_map_legend,
    latent_note,
    legend_marker,
    name_classes,
    open_map,
    tsne_places,
)
from multimodal.types import MODALITIES

PAIRS = 30  # joined by a line, at most
GROUPS = {name: f"{word}s" for name, word in MODALITIES.items()}
LINE: dict[str, Any] = {"color": INK, "linewidth": 0.7}
PAIR_SCORES = {
    "modality_gap": "in the whole space: modality gap",
    "true_pair_cosine": "cosine of the true pairs",
    "alignment": "alignment (lower is closer)",
    "uniformity": "uniformity (lower is more even)",
}


def draw_embeddings(title: str, data: Data, results: Results, points: int, seed: int) -> Figure:
    """Draw each sample twice, as image and as caption, both of length 1."""
    test, encoded = data.splits["test"], results.predictions.encoded
    rows = sample_rows(len(test), max(1, points // len(GROUPS)), seed)
    vectors = torch.stack([encoded[group][rows].float() for group in GROUPS])
    place = tsne_places(torch.nn.functional.normalize(vectors, dim=-1), seed)  # (2, n, 2)
    label = test.content[rows].numpy()  # what an encoder can know, also where the answer needs both
    groups = MapGroups(GROUPS, place, label, data.class_names)
    joined = sample_rows(len(rows), PAIRS, seed).numpy()
    note = f"{len(rows)} test samples, each as image and as caption; {len(joined)} pairs joined"
    scores = latent_note(results, PAIR_SCORES)
    figure, panels = open_map("Embeddings of the encoders (t-SNE)", f"{title}; {note}", scores, groups)
    join_pairs(panels["all"], place[:, joined])
    markers = [legend_marker(group, name) for group, name in GROUPS.items()]
    draw_map_legend(panels["legend"], "embedding of", [*markers, Line2D([], [], label="a true pair", **LINE)], groups)
    name_classes(panels["all"], place[0], label, data.class_names)
    return figure


def join_pairs(axes: Axes, place: np.ndarray) -> None:
    """Draw a line from each image to its caption: (2, n, 2)."""
    axes.add_collection(LineCollection(list(place.swapaxes(0, 1)), alpha=0.6, zorder=2.5, **LINE), autolim=False)
