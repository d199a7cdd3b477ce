"""The data card as a figure: training samples, class sizes, caption lengths, and facts such as duplicates."""

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
    box_height,
    caption_box,
    class_box,
    column_box,
    image_box,
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
    create_figure,
    place_box,
    set_margins,
    style_axes,
)

WIDTH, SIDE, CAPTION, GAP = 13.0, 0.85, 1.95, 0.14  # inches: page, image, caption, space between
COLUMNS, ROWS, SIZE = 2, 8, 8.0  # of the grid of samples; points of their captions
CHARTS, LEFT = 7.2, 6.7  # inches: height of the right half, its left edge
SPLIT_COLORS = {"train": BLUE, "validation": QUIET, "test": ORANGE}
MAX_PAIRS, MAX_LABELS = 6, 30  # near duplicates drawn, classes named on the axis


def draw_data_card(title: str, data: Data, card: dict[str, Any], seed: int) -> Figure:
    """Draw training samples on the left, charts and facts on the right.

    Args:
        title: names dataset, source, fusion and seed.
        data: samples are drawn from its training split.
        card: statistics from `make_card`, with `source`, `revision` and `near_duplicates` [{split: row}].
        seed: of the choice of samples.
    """
    figure = create_figure(WIDTH, HEAD + CHARTS, "Data card", title)
    samples = training_samples_box(data, card["near_duplicates"], seed)
    place_box(figure, samples, MARGIN, HEAD)
    height = max(CHARTS, box_height(figure, samples) + MARGIN)
    figure.set_figheight(HEAD + height)
    set_margins(figure, left=LEFT, bottom=max(MARGIN, height - CHARTS))
    classes, lengths, facts = figure.subplots(3, 1, height_ratios=(1, 1, 0.9))
    draw_class_counts(classes, card, data.class_names)
    draw_caption_lengths(lengths, card)
    write_facts(facts, card_facts(data, card))
    return figure


def training_samples_box(data: Data, pairs: list[dict[str, int]], seed: int) -> OffsetBox:
    """Build the grid of training samples, as the model reads them, and the near duplicates below it."""
    train = data.splits["train"]
    selected = choose_training_rows(data, seed)
    captions = data.vocabulary.words_of(train.tokens[selected])
    samples = [
        row_box([image_box(train.image[row], SIDE), column_box(texts, GAP / 2, CAPTION)], 0.12)
        for row, words in zip(selected, captions, strict=True)
        for texts in [[caption_box(words, CAPTION, SIZE), *answer_boxes(data, int(train.label[row]))]]
    ]
    heading = text_box("training samples as the model reads them", 11.5, weight="bold")
    rows = [row_box(samples[i : i + COLUMNS], GAP) for i in range(0, len(samples), COLUMNS)]
    return column_box([heading, *rows, *near_duplicate_boxes(data, pairs)], GAP)


def answer_boxes(data: Data, label: int) -> list[OffsetBox]:
    """Build the answer to a sample, where its caption does not tell it: `→ seven`."""
    return [] if data.names_class else [class_box(f"→ {data.class_names[label]}", CAPTION, SIZE)]


def choose_training_rows(data: Data, seed: int) -> list[int]:
    """Choose rows of the training split, alternating between the classes."""
    count = COLUMNS * ROWS
    by_class = sample_per_class(data.splits["train"].content, -(-count // len(data.class_names)), seed).values()
    return [rows[i] for i in range(count) for rows in by_class if i < len(rows)][:count]


def near_duplicate_boxes(data: Data, pairs: list[dict[str, int]]) -> list[OffsetBox]:
    """Build some pairs of near duplicates: the test image, then its nearest training image."""
    if not pairs:
        return []
    side = 0.45
    boxes = [
        row_box([image_box(data.splits[split].image[pair[split]], side) for split in ("test", "train")], 0)
        for pair in pairs[:MAX_PAIRS]
    ]
    return [text_box("near duplicates: test image, training image", 9.5, color=QUIET), row_box(boxes, 0.1)]


def draw_class_counts(axes: Axes, card: dict[str, Any], names: list[str]) -> None:
    """Draw bars for the samples per class, one for each split."""
    positions, width = np.arange(len(names)), 0.27
    for i, (split, color) in enumerate(SPLIT_COLORS.items()):
        axes.bar(positions + (i - 1) * width, list(card["classes"][split].values()), width, color=color, label=split)
    short = [(name if len(name) <= 10 else name[:9] + "…").replace("$", r"\$") for name in names]
    every = -(-len(names) // MAX_LABELS)  # of many classes, every second, third ... is named
    axes.set_xticks(positions[::every], short[::every], rotation=90 if max(map(len, short)) * len(names) > 60 else 0)
    style_chart(axes, "samples per image class", "samples")
    axes.legend(frameon=False, fontsize=9.5, ncols=3, loc="lower right", handlelength=1, bbox_to_anchor=(1.01, 0.99))


def draw_caption_lengths(axes: Axes, card: dict[str, Any]) -> None:
    """Draw the histogram of caption lengths in each split, as shares of its captions."""
    for split, color in SPLIT_COLORS.items():
        words = np.array(card["captions"][split]["words"])
        axes.stairs(words / words.sum(), np.arange(len(words) + 1) - 0.5, color=color, linewidth=1.8)
    used = [np.flatnonzero(card["captions"][split]["words"]) for split in SPLIT_COLORS]
    axes.set_xlim(min(u[0] for u in used) - 1, max(u[-1] for u in used) + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("words in the caption", fontsize=10, color=INK)
    style_chart(axes, "caption length", "share of captions")


def style_chart(axes: Axes, title: str, unit: str) -> None:
    """Set the title, label the vertical axis with its unit and draw a grid."""
    style_axes(axes)
    axes.set_title(title, fontsize=11.5, loc="left", color=INK, weight="bold")
    axes.set_ylabel(unit, fontsize=10, color=INK)
    axes.grid(axis="y", color=RULE, linewidth=0.6)


def write_facts(axes: Axes, facts: list[str]) -> None:
    """Write one fact per line in place of a chart."""
    lines = "\n".join(textwrap.fill(fact, 72, subsequent_indent="    ") for fact in facts)
    text = axes.text(0, 1, lines, va="top", fontsize=10, color=INK, linespacing=1.5, parse_math=False)
    text.set_in_layout(False)
    axes.set_axis_off()


def card_facts(data: Data, card: dict[str, Any]) -> list[str]:
    """Describe source, sizes, duplicates, truncation and skipped rows, one line each."""
    train, test = card["captions"]["train"], card["captions"]["test"]
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in data.splits.items())
    revision = f", revision {card['revision'][:12]}" if card["revision"] else ""
    return [
        f"source: {card['source']}{revision}; fingerprint {data.fingerprint}",
        f"samples: {sizes}; vocabulary of {card['vocabulary']:,} words, {card['dropped_words']:,} rarer ones left out",
        f"duplicate captions: {train['duplicates']:.1%} of the training captions repeat another one; "
        f"{card['test_captions_in_train']:.1%} of the test captions also occur in train",
        f"truncated captions: {train['cut']:.1%} of the training captions; unknown words: "
        f"{train['unknown_words']:.1%} of the words in training, {test['unknown_words']:.1%} in test captions",
        f"bad rows skipped: {len(card['bad_rows'])}",
        f"test images with a near duplicate in train: {len(card['near_duplicates'])} of {len(data.splits['test']):,}",
    ]
