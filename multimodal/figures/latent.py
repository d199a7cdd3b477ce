"""Joint representations on one t-SNE map: the same samples with both modalities and with each alone."""

import torch
from matplotlib.figure import Figure

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.sampling import sample_rows
from multimodal.figures.tsne import (
    MapGroups,
    draw_group_maps,
    draw_map_legend,
    label_classes,
    latent_scores_text,
    legend_marker,
    tsne_coordinates,
)
from multimodal.types import CONDITIONS

LATENT_SCORES = {
    "knn_accuracy": "with both modalities, before t-SNE: k-NN accuracy",
    "v_measure": "V-measure of k-means",
}


def draw_latent(title: str, data: Data, results: Results, points: int, seed: int) -> Figure:
    """Draw the joint representations under all conditions on one t-SNE map, and one condition at a time beside it.

    Args:
        title: names dataset, source, fusion and seed.
        data: samples are drawn from its test split.
        results: of the evaluation.
        points: largest number of points; each sample has three.
        seed: of the choice of samples and of t-SNE.
    """
    test, joint = data.splits["test"], results.predictions.joint
    rows = sample_rows(len(test), max(1, points // len(CONDITIONS)), seed)
    positions = tsne_coordinates(torch.stack([joint[c][rows] for c in CONDITIONS]), seed)  # (3, n, 2)
    titles = {c: name + accuracy_suffix(results, c) for c, (name, _) in CONDITIONS.items()}
    groups = MapGroups(titles, positions, test.label[rows].numpy(), data.class_names)
    note = f"{len(rows)} test samples, each under three conditions"
    scores = latent_scores_text(results, LATENT_SCORES)
    figure, panels = draw_group_maps("Joint representation (t-SNE)", f"{title}; {note}", scores, groups)
    markers = [legend_marker(c, name) for c, (name, _) in CONDITIONS.items()]
    draw_map_legend(panels["legend"], "given", markers, groups)
    label_classes(panels["all"], positions[0], groups.label, data.class_names)
    return figure


def accuracy_suffix(results: Results, condition: str) -> str:
    """Format the accuracy for the title of a panel; empty if it is undefined."""
    value = results.metrics.get(f"accuracy/{condition}")
    return "" if value is None else f": accuracy {value:.3f}"
