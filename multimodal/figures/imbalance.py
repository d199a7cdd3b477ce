"""Whether both modalities are learned: their gradients, what each answers alone, and the image's share."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from multimodal.figures.layout import BLUE, HEAD, INK, MARGIN, ORANGE, QUIET, RULE, Page
from multimodal.types import CONDITIONS, MODALITIES

Row = dict[str, float]
STYLES = {"both": (INK, "-", "o"), "image": (BLUE, "-", "s"), "text": (ORANGE, "--", "^")}
PANELS = {  # title, unit, what the axis reaches at least, {what: name in the history}
    "gradient of each encoder": (
        "Euclidean norm, mean over the steps",
        0,
        {m: f"train/imbalance/grad_norm_{m}" for m in ("image", "text")},
    ),
    "accuracy": (
        "validation samples, complete and with one alone",
        1.02,
        {c: f"validation/imbalance/accuracy_{c}" for c in ("both", "image", "text")},
    ),
    "share of the image in the answer": (
        "Shapley value; the rest is the caption's",
        1.02,
        {"image": "validation/imbalance/share_image"},
    ),
}
EMPTY = "undefined: the answer is hardly\nbetter than chance"
WIDTH, PANEL = 12.5, 2.4  # inches: page, a panel's height


def draw_imbalance(title: str, history: list[Row]) -> Figure:
    """Three panels over the optimizer's steps; what was not measured is left out."""
    page = Page(WIDTH, HEAD + 0.6 + PANEL + 0.75, "Balance of the modalities", title)
    wide = (WIDTH - 2 * MARGIN + 0.15) / len(PANELS)
    for i, (name, (unit, reach, lines)) in enumerate(PANELS.items()):
        axes = page.axes(MARGIN + 0.45 + i * wide, HEAD + 0.6, wide - 0.75, PANEL)
        draw_panel(axes, name, unit, {what: points(history, column) for what, column in lines.items()})
        low, high = axes.get_ylim()
        axes.set_ylim(min(0, low), max(reach, high))
    return page.figure


def points(history: list[Row], name: str) -> list[tuple[float, float]]:
    """(step, value) of each row that has it."""
    return [(row["step"], row[name]) for row in history if name in row]


def draw_panel(axes: Axes, title: str, unit: str, lines: dict[str, list[tuple[float, float]]]) -> None:
    """A line for each modality or condition, named at its side."""
    axes.set_title(title, fontsize=11.5, loc="left", y=1, pad=20, color=INK)
    axes.annotate(unit, (0, 1), (0, 7), "axes fraction", "offset points", fontsize=9, color=QUIET)
    axes.set_xlabel("optimizer step", fontsize=10, color=QUIET)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    for what, line in lines.items():
        if line:
            color, dashes, marker = STYLES[what]
            told = CONDITIONS[what].title if "both" in lines else MODALITIES[what]
            axes.plot(*zip(*line, strict=True), dashes, color=color, marker=marker, markersize=4, label=told)
    if not axes.lines:
        axes.text(0.5, 0.5, EMPTY, transform=axes.transAxes, ha="center", va="center", fontsize=9.5, color=QUIET)
        axes.set_xticks([])
    if len(axes.lines) > 1:
        axes.legend(frameon=False, fontsize=9.5, labelcolor=INK)
    axes.margins(x=0.04)
