"""Whether both modalities are learned: their gradients, what each answers alone, and the image's share."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from multimodal.figures.layout import BLUE, HEAD, INK, ORANGE, QUIET, RULE, open_figure, style_axes, title_panel
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
WIDTH, PANEL = 12.5, 3.3  # inches: the page, a panel's height with its labels


def draw_imbalance(title: str, history: list[Row]) -> Figure:
    """Draw three panels over the optimizer's steps; what was not measured is left out."""
    figure = open_figure(WIDTH, HEAD + PANEL, "Balance of the modalities", title)
    for axes, (name, (unit, reach, lines)) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        draw_balance_panel(axes, name, unit, {what: measured_points(history, key) for what, key in lines.items()})
        low, high = axes.get_ylim()
        axes.set_ylim(min(0, low), max(reach, high))
    return figure


def measured_points(history: list[Row], name: str) -> list[tuple[float, float]]:
    """Return (step, value) of each row that has it."""
    return [(row["step"], row[name]) for row in history if name in row]


def draw_balance_panel(axes: Axes, title: str, unit: str, lines: dict[str, list[tuple[float, float]]]) -> None:
    """Draw a line for each modality or condition, named at its side."""
    style_axes(axes)
    title_panel(axes, title, unit)
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
