"""The joint representation on one map: t-SNE of the same samples with both modalities and with each alone."""

import numpy as np
import torch
from matplotlib.figure import Figure

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.sampling import sample_rows
from multimodal.figures.layout import class_colors
from multimodal.figures.tsne import draw_legend, draw_map, draw_small, embed, marker, measured, name_classes, open_page
from multimodal.types import CONDITIONS

MEASURES = {
    "knn_accuracy": "with both, in the whole space: k-NN accuracy",
    "v_measure": "V-measure of k-means",
}


def draw_latent(title: str, data: Data, results: Results, points: int, seed: int) -> Figure:
    """The map of all conditions, and beside it the same map with one condition at a time."""
    test, joint = data.splits["test"], results.predictions.joint
    rows = sample_rows(len(test), max(1, points // len(CONDITIONS)), seed)
    place = embed(torch.stack([joint[c][rows] for c in CONDITIONS]), seed)  # (3, n, 2)
    label = test.label[rows].numpy()
    note = f"{len(rows)} test samples, each under three conditions"
    page, axes = open_page("Joint representation (t-SNE)", f"{title}; {note}", measured(results, MEASURES))
    colors = np.array(class_colors(len(data.class_names)))[label]
    draw_map(axes, place, colors, list(CONDITIONS))
    name_classes(axes, place[0], label, data.class_names)
    draw_small(page, place, colors, {c: f"{name}{accuracy(results, c)}" for c, (name, _) in CONDITIONS.items()})
    given = [marker(c, name) for c, (name, _) in CONDITIONS.items()]
    draw_legend(page, "given", given, data.class_names, sorted(set(label.tolist())))
    return page.figure


def accuracy(results: Results, condition: str) -> str:
    """For a panel's title; empty where undefined."""
    value = results.metrics.get(f"accuracy/{condition}")
    return "" if value is None else f": accuracy {value:.3f}"
