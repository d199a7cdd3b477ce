"""A t-SNE map of several groups of the same samples: all on one map, and beside it one group at a time."""

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
from multimodal.figures.layout import COLORS, INK, QUIET, RULE, class_colors, footnote, open_figure, short_name

MOST = 2000  # points
WIDTH, HEIGHT = 12.8, 9.1  # inches
MARKERS = {"both": "o", "image": "^", "text": "s"}


def tsne_places(vectors: Tensor, seed: int) -> np.ndarray:
    """(M, n, D) -> (M, n, 2), the same for the same seed: one thread, as sums depend on their order."""
    flat = vectors.flatten(0, 1).float().numpy()
    varied = len(flat) > 1 and flat.shape[1] > 1 and float(flat.std(0).max()) > 1e-6  # else there is no axis
    if not varied:
        flat = flat + np.random.default_rng(seed).normal(scale=1e-3, size=flat.shape).astype(np.float32)
    perplexity = min(30.0, max(1.0, (len(flat) - 1) / 3))
    tsne = TSNE(perplexity=perplexity, init="pca" if varied else "random", random_state=seed)
    with threadpool_limits(1):
        return tsne.fit_transform(flat).reshape(*vectors.shape[:2], 2)


@dataclass(frozen=True)
class MapGroups:
    """What a map shows: several groups of the same samples.

    Args:
        titles: {group: title of its own small map}.
        place: (groups, n, 2) points.
        label: (n,) classes.
        class_names: of all classes.
    """

    titles: dict[str, str]
    place: np.ndarray
    label: np.ndarray
    class_names: list[str]

    @property
    def colors(self) -> np.ndarray:
        """(n,) colours of the samples."""
        return np.array(class_colors(len(self.class_names)))[self.label]


def open_map(heading: str, title: str, note: str, groups: MapGroups) -> tuple[Figure, dict[str, Axes]]:
    """Draw every group on one map, and beside it one group in colour at a time, the others grey behind it.

    Returns:
        (figure, {"all": the large map, "legend": an empty column, group: its small map}).
    """
    figure = open_figure(WIDTH, HEIGHT, heading, title)
    rows: list[HashableList[str]] = [["all", group, "legend"] for group in groups.titles]
    rows += [["all", ".", "legend"]] * (3 - len(groups.titles))
    panels = figure.subplot_mosaic(rows, width_ratios=(7.6, 2.3, 1.7))
    panels["legend"].set_axis_off()
    frame_map(panels["all"], groups.place)
    for i, (group, name) in enumerate(groups.titles.items()):
        scatter_group(panels["all"], groups.place[i], groups.colors, group, 26 if group == "both" else 20)
        frame_map(panels[group], groups.place)
        x, y = np.delete(groups.place, i, axis=0).reshape(-1, 2).T
        panels[group].scatter(x, y, s=5, c="#e3e6ea", linewidths=0)
        scatter_group(panels[group], groups.place[i], groups.colors, group, 13)
        panels[group].set_title(name, fontsize=11, loc="left", color=INK, pad=4)
    footnote(figure, textwrap.fill(note, 150) if note else " ")
    return figure, panels


def frame_map(axes: Axes, place: np.ndarray) -> None:
    """Set one window for every map, filled; t-SNE's axes have no meaning, so no ticks."""
    low, high = place.min((0, 1)), place.max((0, 1))
    (left, bottom), (right, top) = low - 0.04 * (high - low) - 1e-3, high + 0.04 * (high - low) + 1e-3
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=RULE)


def scatter_group(axes: Axes, at: np.ndarray, color: np.ndarray, group: str, size: float) -> None:
    """Draw (n, 2) points."""
    x, y = at.T
    axes.scatter(x, y, s=size, c=color, marker=MARKERS[group], alpha=0.75, linewidths=0.4, edgecolors="white")


def name_classes(axes: Axes, place: np.ndarray, label: np.ndarray, names: list[str]) -> None:
    """Write each class's name at its most central sample, unless another name stands there."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # so that the map has its final place
    taken: list[Bbox] = []
    size = 12.5 if len(names) <= COLORS else 9
    for k in np.unique(label):
        own = place[label == k]
        x, y = own[np.abs(own[:, None] - own[None]).sum((1, 2)).argmin()]
        text = axes.text(x, y, short_name(names[k]), ha="center", va="center", weight="bold", color=INK)
        text.set(fontsize=size, parse_math=False, path_effects=[withStroke(linewidth=3.5, foreground="white")])
        extent = move_inside(text, axes)
        if any(extent.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(extent)


def move_inside(text: Text, axes: Axes) -> Bbox:
    """Shift a name that leaves the map sideways; return where it stands, in pixels."""
    box, map_box = text.get_window_extent(), axes.get_window_extent()
    shift = max(map_box.x0 + 6 - box.x0, 0) + min(map_box.x1 - 6 - box.x1, 0)
    x, y = axes.transData.transform(text.get_position())
    x, y = axes.transData.inverted().transform((x + shift, y))
    text.set_position((x, y))
    return text.get_window_extent()


def draw_map_legend(axes: Axes, heading: str, markers: list[Line2D], groups: MapGroups) -> None:
    """Draw markers, and beneath them the colours of the classes on the map; of more classes than colours a word."""
    names, colors = groups.class_names, class_colors(len(groups.class_names))
    dot: dict[str, Any] = {"linestyle": "none", "markersize": 8, "marker": "o"}
    shown = sorted(set(groups.label.tolist()))
    classes = [Line2D([], [], color=colors[k], label=short_name(names[k]).replace("$", r"\$"), **dot) for k in shown]
    if len(names) > COLORS:
        classes = [Line2D([], [], color=QUIET, label=f"{len(names)} in {COLORS} colours", **dot)]
    style = {"frameon": False, "title_fontsize": 11, "fontsize": 10.5, "alignment": "left", "borderaxespad": 0}
    axes.add_artist(axes.legend(handles=markers, title=heading, loc="upper left", **style))
    axes.legend(handles=classes, title="class", loc="upper left", bbox_to_anchor=(0, 0.85), **style)


def legend_marker(group: str, label: str) -> Line2D:
    """Return a group's marker for the legend."""
    return Line2D([], [], marker=MARKERS[group], color=QUIET, label=label, linestyle="none", markersize=8)


def latent_note(results: Results, names: dict[str, str]) -> str:
    """{metric under `latent/`: what it is called} -> their values, undefined ones and those not measured left out."""
    found = {name: results.metrics.get(f"latent/{metric}") for metric, name in names.items()}
    return "; ".join(f"{name} {value:.3f}" for name, value in found.items() if value is not None)
