"""The joint representation on one map: t-SNE of the same samples with both modalities and with each alone."""

import torch
from matplotlib.figure import Figure

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.sampling import sample_rows
from multimodal.figures.tsne import (
    MapGroups,
    draw_map_legend,
    latent_note,
    legend_marker,
    name_classes,
    open_map,
    tsne_places,
)
from multimodal.types import CONDITIONS

LATENT_SCORES = {
    "knn_accuracy": "with both, in the whole space: k-NN accuracy",
    "v_measure": "V-measure of k-means",
}


def draw_latent(title: str, data: Data, results: Results, points: int, seed: int) -> Figure:
    """Draw the map of all conditions, and beside it the same map with one condition at a time."""
    test, joint = data.splits["test"], results.predictions.joint
    rows = sample_rows(len(test), max(1, points // len(CONDITIONS)), seed)
    place = tsne_places(torch.stack([joint[c][rows] for c in CONDITIONS]), seed)  # (3, n, 2)
    titles = {c: name + accuracy_note(results, c) for c, (name, _) in CONDITIONS.items()}
    groups = MapGroups(titles, place, test.label[rows].numpy(), data.class_names)
    note = f"{len(rows)} test samples, each under three conditions"
    scores = latent_note(results, LATENT_SCORES)
    figure, panels = open_map("Joint representation (t-SNE)", f"{title}; {note}", scores, groups)
    markers = [legend_marker(c, name) for c, (name, _) in CONDITIONS.items()]
    draw_map_legend(panels["legend"], "given", markers, groups)
    name_classes(panels["all"], place[0], groups.label, data.class_names)
    return figure


def accuracy_note(results: Results, condition: str) -> str:
    """Return accuracy for a panel's title; empty where undefined."""
    value = results.metrics.get(f"accuracy/{condition}")
    return "" if value is None else f": accuracy {value:.3f}"
