"""The data card as a figure: samples, classes, caption lengths, and what should make one careful."""

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import OffsetBox
from matplotlib.ticker import MaxNLocator

from multimodal.dataset.data import Data
from multimodal.evaluation.sampling import sample_per_class
from multimodal.figures.boxes import (
    caption_box,
    column_box,
    height_of_box,
    picture_box,
    row_box,
    text_box,
)
from multimodal.figures.layout import (
    BLUE,
    HEAD,
    INK,
    MARGIN,
    ORANGE,
    QUIET,
    RULE,
    leave_margins,
    open_figure,
    place_box,
    style_axes,
)

WIDTH, SIDE, CAPTION, GAP = 13.0, 0.85, 1.95, 0.14  # inches: the page, an image's side, a caption's width, between
COLUMNS, ROWS, SIZE = 2, 8, 8.0  # of samples; points of their captions
CHARTS, LEFT = 7.2, 6.7  # inches: the height of the right half, where it starts
SPLITS = {"train": BLUE, "validation": QUIET, "test": ORANGE}
PAIRS, NAMES = 6, 30  # near duplicates shown, classes named, at most


def draw_data_card(title: str, data: Data, card: dict[str, Any], seed: int) -> Figure:
    """Draw training samples on the left; counts and facts on the right."""
    figure = open_figure(WIDTH, HEAD + CHARTS, "What the run learned from", title)
    samples = samples_column(data, card["near_duplicates"], seed)
    place_box(figure, samples, MARGIN, HEAD)
    height = max(CHARTS, height_of_box(figure, samples) + MARGIN)
    figure.set_figheight(HEAD + height)
    leave_margins(figure, left=LEFT, bottom=max(MARGIN, height - CHARTS))
    classes, lengths, facts = figure.subplots(3, 1, height_ratios=(1, 1, 0.9))
    draw_class_counts(classes, card, data.class_names)
    draw_caption_lengths(lengths, card)
    write_facts(facts, card_facts(data, card))
    return figure


def samples_column(data: Data, pairs: list[dict[str, int]], seed: int) -> OffsetBox:
    """Return image and caption as the model reads them, and beneath them near duplicates."""
    train = data.splits["train"]
    chosen = training_rows(data, seed)
    captions = data.vocabulary.words_of(train.tokens[chosen])
    samples = [
        row_box([picture_box(train.image[row], SIDE), caption_box(words, words, CAPTION, SIZE)], 0.12)
        for row, words in zip(chosen, captions, strict=True)
    ]
    rows = [row_box(samples[i : i + COLUMNS], GAP) for i in range(0, len(samples), COLUMNS)]
    rows = [text_box("training samples as the model reads them", 11.5, weight="bold"), *rows]
    return column_box([*rows, *pair_boxes(data, pairs)], GAP)


def training_rows(data: Data, seed: int) -> list[int]:
    """Return rows of the training split, the classes taking turns."""
    count = COLUMNS * ROWS
    drawn = list(sample_per_class(data.splits["train"].content, -(-count // len(data.class_names)), seed).values())
    return [rows[i] for i in range(count) for rows in drawn if i < len(rows)][:count]


def pair_boxes(data: Data, pairs: list[dict[str, int]]) -> list[OffsetBox]:
    """Return some of the near duplicates: the test image, then the training image."""
    if not pairs:
        return []
    side = 0.45
    boxes = [
        row_box([picture_box(data.splits[split].image[pair[split]], side) for split in ("test", "train")], 0)
        for pair in pairs[:PAIRS]
    ]
    return [text_box("test image beside its nearest training image", 9.5, color=QUIET), row_box(boxes, 0.1)]


def draw_class_counts(axes: Axes, card: dict[str, Any], names: list[str]) -> None:
    """Draw samples of each class in each split, side by side."""
    place, width = np.arange(len(names)), 0.27
    for i, (split, color) in enumerate(SPLITS.items()):
        axes.bar(place + (i - 1) * width, list(card["classes"][split].values()), width, color=color, label=split)
    short = [(name if len(name) <= 10 else name[:9] + "…").replace("$", r"\$") for name in names]
    every = -(-len(names) // NAMES)  # of many classes, every second, third ... is named
    upright = {"rotation": 90} if max(map(len, short)) * len(names) > 60 else {}
    axes.set_xticks(place[::every], short[::every], **upright)
    style_chart(axes, "samples by pictured class", "samples")
    axes.legend(frameon=False, fontsize=9.5, ncols=3, loc="lower right", handlelength=1, bbox_to_anchor=(1.01, 0.99))


def draw_caption_lengths(axes: Axes, card: dict[str, Any]) -> None:
    """Draw the share of each split's captions by their number of words."""
    for split, color in SPLITS.items():
        words = np.array(card["captions"][split]["words"])
        axes.stairs(words / words.sum(), np.arange(len(words) + 1) - 0.5, color=color, linewidth=1.8)
    used = [np.flatnonzero(card["captions"][split]["words"]) for split in SPLITS]
    axes.set_xlim(min(u[0] for u in used) - 1, max(u[-1] for u in used) + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("words in the caption", fontsize=10, color=INK)
    style_chart(axes, "caption length", "share of captions")


def style_chart(axes: Axes, title: str, what: str) -> None:
    """Draw title, axis and grid."""
    style_axes(axes)
    axes.set_title(title, fontsize=11.5, loc="left", color=INK, weight="bold")
    axes.set_ylabel(what, fontsize=10, color=INK)
    axes.grid(axis="y", color=RULE, linewidth=0.6)


def write_facts(axes: Axes, facts: list[str]) -> None:
    """Write one beneath the other; the axes give them their place and nothing else."""
    lines = "\n".join(textwrap.fill(fact, 72, subsequent_indent="    ") for fact in facts)
    text = axes.text(0, 1, lines, va="top", fontsize=10, color=INK, linespacing=1.5, parse_math=False)
    text.set_in_layout(False)
    axes.set_axis_off()


def card_facts(data: Data, card: dict[str, Any]) -> list[str]:
    """Return what a reader should know, a line each."""
    train, test = card["captions"]["train"], card["captions"]["test"]
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in data.splits.items())
    revision = f", revision {card['revision'][:12]}" if card["revision"] else ""
    found = len(card["near_duplicates"])
    return [
        f"source: {card['source']}{revision}; fingerprint {data.fingerprint}",
        f"samples: {sizes}; {card['vocabulary']:,} words in the vocabulary, "
        f"{card['dropped_words']:,} rarer ones left out",
        f"captions: {train['duplicates']:.1%} of the training ones repeat another; "
        f"{card['test_captions_in_train']:.1%} of the test ones stand in train word for word",
        f"cut at the most words: {train['cut']:.1%} of the training captions; "
        f"unknown words: {train['unknown_words']:.1%} of the training words, "
        f"{test['unknown_words']:.1%} of the test ones",
        f"bad rows skipped: {len(card['bad_rows'])}",
        f"test images nearly equal to a training image: {found} of {len(data.splits['test']):,}",
    ]
