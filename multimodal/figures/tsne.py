"""A t-SNE map of several groups of the same samples: all on one map, and beside it one group at a time."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits
from torch import Tensor

from multimodal.evaluation.evaluator import Results
from multimodal.figures.layout import COLORS, HEAD, INK, MARGIN, QUIET, RULE, Page, class_colors, short
from multimodal.figures.text_layout import renderer, set_words

MOST = 2000  # points
WIDTH, SIDE = 12.8, 7.6  # inches: the page, and the map
SMALL, APART = (SIDE - 0.9) / 3, 0.45  # inches: a small map, and between two
TOP = HEAD + 0.22  # inches
MARKERS = {"both": "o", "image": "^", "text": "s"}


def embed(vectors: Tensor, seed: int) -> np.ndarray:
    """(M, n, D) -> (M, n, 2), the same for the same seed: one thread, as sums depend on their order."""
    flat = vectors.flatten(0, 1).float().numpy()
    spread = len(flat) > 1 and flat.shape[1] > 1 and float(flat.std(0).max()) > 1e-6  # else there is no axis
    if not spread:
        flat = flat + np.random.default_rng(seed).normal(scale=1e-3, size=flat.shape).astype(np.float32)
    perplexity = min(30.0, max(1.0, (len(flat) - 1) / 3))
    tsne = TSNE(perplexity=perplexity, init="pca" if spread else "random", random_state=seed)
    with threadpool_limits(1):
        return tsne.fit_transform(flat).reshape(*vectors.shape[:2], 2)


def open_page(heading: str, title: str, note: list[str]) -> tuple[Page, Axes]:
    """(page, the large map's axes); the note, its words set in lines, stands beneath."""
    noted = set_words(note, WIDTH - 2 * MARGIN, 10.5)
    page = Page(WIDTH, TOP + SIDE + MARGIN + noted.height, heading, title)
    page.block(noted, MARGIN, TOP + SIDE + 0.15, color=QUIET)
    return page, page.axes(MARGIN, TOP, SIDE, SIDE)


def draw_map(axes: Axes, place: np.ndarray, colors: np.ndarray, groups: list[str]) -> None:
    """Every group (M, n, 2) with its marker; the first drawn largest where it is `both`."""
    frame(axes, place)
    for group, at in zip(groups, place, strict=True):
        scatter(axes, at, colors, MARKERS[group], 26 if group == "both" else 20)


def draw_small(page: Page, place: np.ndarray, colors: np.ndarray, titles: dict[str, str]) -> None:
    """{group: title}: one group in colour, the others grey behind it."""
    for i, (group, title) in enumerate(titles.items()):
        axes = page.axes(MARGIN + SIDE + 0.35, TOP + i * (SMALL + APART), SMALL, SMALL)
        frame(axes, place)
        others = np.delete(place, i, axis=0).reshape(-1, 2)
        axes.scatter(*others.T, s=5, c="#e3e6ea", linewidths=0)
        scatter(axes, place[i], colors, MARKERS[group], 13)
        axes.set_title(title, fontsize=11, loc="left", color=INK, pad=4)


def frame(axes: Axes, place: np.ndarray) -> None:
    """One window for every map, filled; t-SNE's axes have no meaning, so no ticks."""
    low, high = place.min((0, 1)), place.max((0, 1))
    (left, bottom), (right, top) = low - 0.04 * (high - low) - 1e-3, high + 0.04 * (high - low) + 1e-3
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=RULE)


def scatter(axes: Axes, at: np.ndarray, color: np.ndarray, marker: str, size: float) -> None:
    """(n, 2) points."""
    axes.scatter(*at.T, s=size, c=color, marker=marker, alpha=0.75, linewidths=0.4, edgecolors="white")


def name_classes(axes: Axes, place: np.ndarray, label: np.ndarray, names: list[str]) -> None:
    """Each class's name at its most central sample, unless another name stands there."""
    taken, size = [], 12.5 if len(names) <= COLORS else 9
    for k in np.unique(label):
        own = place[label == k]
        centre = own[np.abs(own[:, None] - own[None]).sum((1, 2)).argmin()]
        text = axes.text(*centre, short(names[k]), ha="center", va="center", fontsize=size, weight="bold", color=INK)
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


def draw_legend(page: Page, heading: str, groups: list[Line2D], names: list[str], shown: list[int]) -> None:
    """Markers and the shown classes' colours, on the right; of more classes than colours a word."""
    colors, dot = class_colors(len(names)), {"linestyle": "none", "markersize": 8, "marker": "o"}
    classes = [Line2D([], [], color=colors[k], label=short(names[k]).replace("$", r"\$"), **dot) for k in shown]
    if len(names) > COLORS:
        classes = [Line2D([], [], color=QUIET, label=f"{len(names)} in {COLORS} colours", **dot)]
    x, top = MARGIN + SIDE + 0.35 + SMALL + 0.2, TOP
    style = {"frameon": False, "loc": "upper left", "title_fontsize": 11, "alignment": "left", "borderaxespad": 0}
    for title, handles in ((heading, groups), ("class", classes)):
        corner = (x / page.width, 1 - top / page.height)
        page.figure.legend(handles=handles, title=title, bbox_to_anchor=corner, fontsize=10.5, **style)
        top += 0.45 + 0.23 * len(handles)


def marker(group: str, label: str) -> Line2D:
    """For the legend."""
    return Line2D([], [], marker=MARKERS[group], color=QUIET, label=label, linestyle="none", markersize=8)


def measured(results: Results, words: dict[str, str]) -> list[str]:
    """{metric under `latent/`: what it is called} -> the words that say its value, undefined ones left out."""
    found = {name: results.metrics.get(f"latent/{metric}") for metric, name in words.items()}
    told = [f"{name} {value:.3f}" for name, value in found.items() if value is not None]
    return "; ".join(told).split()
