"""t-SNE maps of several groups of vectors of the same samples: all groups on one map, and one map for each."""

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from matplotlib.typing import HashableList
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits
from torch import Tensor

from multimodal.evaluation.evaluator import Results
from multimodal.figures.layout import COLORS, INK, QUIET, RULE, add_footnote, class_colors, create_figure, short_name
from multimodal.number_text import decimal_text

MAX_POINTS = 2000  # on one map
WIDTH, HEIGHT = 12.8, 9.1  # inches
MARKERS = {"both": "o", "image": "^", "text": "s"}


def tsne_coordinates(vectors: Tensor, seed: int) -> np.ndarray:
    """Compute t-SNE coordinates of all vectors together: (M, n, D) -> (M, n, 2).

    The same seed gives the same coordinates: one thread is used, because sums depend on their order.
    """
    flat = vectors.flatten(0, 1).float().numpy()
    varied = len(flat) > 1 and flat.shape[1] > 1 and float(flat.std(0).max()) > 1e-6  # else there is no principal axis
    if not varied:
        flat = flat + np.random.default_rng(seed).normal(scale=1e-3, size=flat.shape).astype(np.float32)
    perplexity = min(30.0, max(1.0, (len(flat) - 1) / 3))
    tsne = TSNE(perplexity=perplexity, init="pca" if varied else "random", random_state=seed)
    with threadpool_limits(1):
        return tsne.fit_transform(flat).reshape(*vectors.shape[:2], 2)


@dataclass(frozen=True)
class MapGroups:
    """Holds the points of a map, in groups of the same samples.

    Args:
        titles: {group: title of its small map}.
        positions: (groups, n, 2) coordinates.
        label: (n,) classes.
        class_names: names of all classes.
    """

    titles: dict[str, str]
    positions: np.ndarray
    label: np.ndarray
    class_names: list[str]

    @property
    def colors(self) -> np.ndarray:
        """Return the colour of each sample: (n,)."""
        return np.array(class_colors(len(self.class_names)))[self.label]


def draw_group_maps(heading: str, title: str, note: str, groups: MapGroups) -> tuple[Figure, dict[str, Axes]]:
    """Draw all groups on one large map, and beside it a small map per group, with the other groups in grey behind it.

    Args:
        heading: names what is drawn.
        title: names dataset, source, fusion and seed.
        note: written below the maps.
        groups: the points.

    Returns:
        (figure, {"all": the large map, "legend": an empty column, group: its small map}).
    """
    figure = create_figure(WIDTH, HEIGHT, heading, title)
    rows: list[HashableList[str]] = [["all", group, "legend"] for group in groups.titles]
    rows += [["all", ".", "legend"]] * (3 - len(groups.titles))
    panels = figure.subplot_mosaic(rows, width_ratios=(7.6, 2.3, 1.7))
    panels["legend"].set_axis_off()
    set_map_limits(panels["all"], groups.positions)
    for i, (group, name) in enumerate(groups.titles.items()):
        scatter_group(panels["all"], groups.positions[i], groups.colors, group, 26 if group == "both" else 20)
        set_map_limits(panels[group], groups.positions)
        x, y = np.delete(groups.positions, i, axis=0).reshape(-1, 2).T
        panels[group].scatter(x, y, s=5, c="#e3e6ea", linewidths=0)
        scatter_group(panels[group], groups.positions[i], groups.colors, group, 13)
        panels[group].set_title(name, fontsize=11, loc="left", color=INK, pad=4)
    add_footnote(figure, textwrap.fill(note, 150) if note else " ")
    return figure, panels


def set_map_limits(axes: Axes, positions: np.ndarray) -> None:
    """Set the limits of a map to those of all positions (..., n, 2), without ticks, as t-SNE's axes have no meaning."""
    low, high = positions.min((0, 1)), positions.max((0, 1))
    (left, bottom), (right, top) = low - 0.04 * (high - low) - 1e-3, high + 0.04 * (high - low) + 1e-3
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=RULE)


def scatter_group(axes: Axes, positions: np.ndarray, color: np.ndarray, group: str, size: float) -> None:
    """Draw the points of a group: (n, 2) positions, (n,) colours, `size` in square points."""
    x, y = positions.T
    axes.scatter(x, y, s=size, c=color, marker=MARKERS[group], alpha=0.75, linewidths=0.4, edgecolors="white")


def label_classes(axes: Axes, positions: np.ndarray, label: np.ndarray, names: list[str]) -> None:
    """Write the name of each class at its most central sample, unless it would overlap another name.

    Args:
        axes: the map.
        positions: (n, 2) coordinates of the samples.
        label: (n,) classes of the samples.
        names: names of all classes.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # gives the map its final position
    extents: list[Bbox] = []
    size = 12.5 if len(names) <= COLORS else 9
    for k in np.unique(label):
        own = positions[label == k]
        x, y = own[np.abs(own[:, None] - own[None]).sum((1, 2)).argmin()]
        text = axes.text(x, y, short_name(names[k]), ha="center", va="center", weight="bold", color=INK)
        text.set(fontsize=size, parse_math=False, path_effects=[withStroke(linewidth=3.5, foreground="white")])
        extent = shift_inside(text, axes)
        if any(extent.overlaps(other) for other in extents):
            text.remove()
        else:
            extents.append(extent)


def shift_inside(text: Text, axes: Axes) -> Bbox:
    """Shift a text sideways until it lies inside the map; return its extent in pixels."""
    box, map_box = text.get_window_extent(), axes.get_window_extent()
    shift = max(map_box.x0 + 6 - box.x0, 0) + min(map_box.x1 - 6 - box.x1, 0)
    x, y = axes.transData.transform(text.get_position())
    x, y = axes.transData.inverted().transform((x + shift, y))
    text.set_position((x, y))
    return text.get_window_extent()


def draw_map_legend(axes: Axes, heading: str, markers: list[Line2D], groups: MapGroups) -> None:
    """Draw the legend of the markers, and below it that of the classes, or their number if they share colours."""
    names, colors = groups.class_names, class_colors(len(groups.class_names))
    dot: dict[str, Any] = {"linestyle": "none", "markersize": 8, "marker": "o"}
    present = sorted(set(groups.label.tolist()))
    classes = [Line2D([], [], color=colors[k], label=short_name(names[k]).replace("$", r"\$"), **dot) for k in present]
    if len(names) > COLORS:
        classes = [Line2D([], [], color=QUIET, label=f"{len(names)} in {COLORS} colours", **dot)]
    style = {"frameon": False, "title_fontsize": 11, "fontsize": 10.5, "alignment": "left", "borderaxespad": 0}
    axes.add_artist(axes.legend(handles=markers, title=heading, loc="upper left", **style))
    axes.legend(handles=classes, title="class", loc="upper left", bbox_to_anchor=(0, 0.85), **style)


def legend_marker(group: str, label: str) -> Line2D:
    """Build the marker of a group for the legend."""
    return Line2D([], [], marker=MARKERS[group], color=QUIET, label=label, linestyle="none", markersize=8)


def latent_scores_text(results: Results, names: dict[str, str]) -> str:
    """Format the metrics that are defined: {metric under `latent/`: its name in the text} -> "name value; …"."""
    values = {name: results.metrics.get(f"latent/{metric}") for metric, name in names.items()}
    return "; ".join(f"{name} {decimal_text(value, 3)}" for name, value in values.items() if value is not None)
