"""The joint representation on one map: t-SNE of the same samples with both modalities and with each alone."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits
from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.report.captions import renderer, set_words
from multimodal.report.page import CONDITIONS, HEAD, INK, MARGIN, QUIET, RULE, Page, class_colors
from multimodal.report.samples import some

MARKERS = {"both": "o", "image": "^", "text": "s"}
WIDTH, SIDE = 12.8, 7.6  # inches: the page, and the map
TOP = HEAD + 0.22  # inches


def draw_latent(title: str, data: Data, results: Results, points: int, seed: int) -> Figure:
    """The map of all conditions, and beside it the same map with one condition at a time."""
    test, joint = data.splits["test"], results.predictions.joint
    rows = some(len(test), max(1, points // len(CONDITIONS)), seed)
    place = embed(torch.stack([joint[c][rows] for c in CONDITIONS]), seed)  # (3, n, 2)
    label = test.label[rows].numpy()
    note = f"{len(rows)} test samples, each under three conditions"
    noted = set_words(measured(results), WIDTH - 2 * MARGIN, 10.5)
    page = Page(WIDTH, TOP + SIDE + MARGIN + noted.height, "Joint representation (t-SNE)", f"{title}; {note}")
    colors = np.array(class_colors(len(data.class_names)))[label]
    main = page.axes(MARGIN, TOP, SIDE, SIDE)
    frame(main, place)
    for (condition, marker), at in zip(MARKERS.items(), place, strict=True):
        scatter(main, at, colors, marker, 26 if condition == "both" else 20)
    name_classes(main, place[0], label, data.class_names)
    small = (SIDE - 0.9) / 3
    for i, condition in enumerate(CONDITIONS):
        axes = page.axes(MARGIN + SIDE + 0.35, TOP + i * (small + 0.45), small, small)
        draw_condition(axes, place, i, colors, f"{CONDITIONS[condition]}{accuracy(results, condition)}")
    draw_legend(page, data.class_names, sorted(set(label.tolist())))
    page.block(noted, MARGIN, TOP + SIDE + 0.15, color=QUIET)
    return page.figure


def embed(joint: Tensor, seed: int) -> np.ndarray:
    """(M, n, D) -> (M, n, 2), the same for the same seed: one thread, as sums depend on their order."""
    flat = joint.flatten(0, 1).float().numpy()
    spread = len(flat) > 1 and flat.shape[1] > 1 and float(flat.std(0).max()) > 1e-6  # else there is no axis
    if not spread:
        flat = flat + np.random.default_rng(seed).normal(scale=1e-3, size=flat.shape).astype(np.float32)
    perplexity = min(30.0, max(1.0, (len(flat) - 1) / 3))
    tsne = TSNE(perplexity=perplexity, init="pca" if spread else "random", random_state=seed)
    with threadpool_limits(1):
        return tsne.fit_transform(flat).reshape(*joint.shape[:2], 2)


def frame(axes: Axes, place: np.ndarray) -> None:
    """One window for every map, filled; t-SNE's axes have no meaning, so no ticks."""
    low, high = place.min((0, 1)), place.max((0, 1))
    (left, bottom), (right, top) = low - 0.04 * (high - low) - 1e-3, high + 0.04 * (high - low) + 1e-3
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=RULE)


def scatter(axes: Axes, at: np.ndarray, color: np.ndarray, marker: str, size: float) -> None:
    """(n, 2) points."""
    axes.scatter(*at.T, s=size, c=color, marker=marker, alpha=0.75, linewidths=0.4, edgecolors="white")


def draw_condition(axes: Axes, place: np.ndarray, which: int, colors: np.ndarray, title: str) -> None:
    """One condition in colour, the others grey behind it."""
    frame(axes, place)
    others = np.delete(place, which, axis=0).reshape(-1, 2)
    axes.scatter(*others.T, s=5, c="#e3e6ea", linewidths=0)
    scatter(axes, place[which], colors, list(MARKERS.values())[which], 13)
    axes.set_title(title, fontsize=11, loc="left", color=INK, pad=4)


def accuracy(results: Results, condition: str) -> str:
    """For a panel's title; empty where undefined."""
    value = results.metrics.get(f"accuracy/{condition}")
    return "" if value is None else f": accuracy {value:.3f}"


def name_classes(axes: Axes, place: np.ndarray, label: np.ndarray, names: list[str]) -> None:
    """Each class's name at its most central sample, unless another name stands there."""
    taken = []
    for k in np.unique(label):
        own = place[label == k]
        centre = own[np.abs(own[:, None] - own[None]).sum((1, 2)).argmin()]
        text = axes.text(*centre, short(names[k]), ha="center", va="center", fontsize=12.5, weight="bold", color=INK)
        text.set(parse_math=False, path_effects=[withStroke(linewidth=3.5, foreground="white")])
        extent = move_inside(text, axes)
        if any(extent.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(extent)


def move_inside(text: Text, axes: Axes) -> Bbox:
    """Shifts a name that leaves the map sideways; returns where it stands, in pixels."""
    box, map_box = text.get_window_extent(renderer()), axes.get_window_extent(renderer())
    shift = max(map_box.x0 + 6 - box.x0, 0) + min(map_box.x1 - 6 - box.x1, 0)
    x, y = axes.transData.transform(text.get_position())
    text.set_position(axes.transData.inverted().transform((x + shift, y)))
    return text.get_window_extent(renderer())


def short(name: str) -> str:
    """A class name for the map and its legend."""
    return name if len(name) <= 16 else f"{name[:15].strip()}…"


def draw_legend(page: Page, names: list[str], shown: list[int]) -> None:
    """Markers and colours on the right."""
    colors = class_colors(len(names))
    dot = {"linestyle": "none", "markersize": 8}
    markers = [Line2D([], [], marker=m, color=QUIET, label=CONDITIONS[c], **dot) for c, m in MARKERS.items()]
    classes = [
        Line2D([], [], marker="o", color=colors[k], label=short(names[k]).replace("$", r"\$"), **dot) for k in shown
    ]
    x, top = MARGIN + SIDE + 0.35 + (SIDE - 0.9) / 3 + 0.2, TOP
    style = {"frameon": False, "loc": "upper left", "title_fontsize": 11, "alignment": "left", "borderaxespad": 0}
    for title, handles in (("given", markers), ("class", classes)):
        corner, points = (x / page.width, 1 - top / page.height), min(10.5, 240 / len(handles))
        page.figure.legend(handles=handles, title=title, bbox_to_anchor=corner, fontsize=points, **style)
        top += 0.45 + 0.23 * len(handles)


def measured(results: Results) -> list[str]:
    """The words that say what was measured of the latent space; undefined values left out."""
    found = {n.partition("/")[2]: v for n, v in results.metrics.items() if n.startswith("latent/") and v is not None}
    return " , ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in found.items()).split()
