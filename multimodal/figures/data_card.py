"""The data card as a figure: samples, classes, caption lengths, and what should make one careful."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from multimodal.dataset.data import Data
from multimodal.evaluation.sampling import sample_per_class
from multimodal.figures.layout import BLUE, HEAD, INK, MARGIN, ORANGE, QUIET, RULE, Page
from multimodal.figures.text_layout import Block, set_words

WIDTH, SIDE, PAD, CAPTION = 13.0, 0.85, 0.12, 1.95  # inches: the page, an image's side, between, a caption's width
COLUMNS, ROWS, SIZE = 2, 8, 8.5  # of samples; points of their captions
PANEL, LEFT = 1.75, 6.9  # inches: a chart's height, where the right half starts
SPLITS = {"train": BLUE, "validation": QUIET, "test": ORANGE}
PAIRS, NAMES = 6, 30  # near duplicates shown, classes named, at most


def draw_data_card(title: str, data: Data, card: dict[str, Any], seed: int) -> Figure:
    """Training samples on the left; counts and facts on the right."""
    samples = choose(data, seed)
    rows = [samples[i : i + COLUMNS] for i in range(0, len(samples), COLUMNS)]
    heights = [max(SIDE, *(block.height for _, block in row)) + 0.14 for row in rows]
    lines = [set_words(line.split(), WIDTH - LEFT - MARGIN, 10) for line in facts(data, card)]
    pairs = 1.05 * SIDE + 0.45 if card["near_duplicates"] else 0
    right = 2 * (PANEL + 0.95) + sum(line.height + 0.06 for line in lines) + pairs
    page = Page(WIDTH, HEAD + 0.3 + max(right, sum(heights) + 0.35) + 0.2, "What the run learned from", title)
    draw_samples(page, data, rows, heights)
    top = HEAD + 0.3
    draw_classes(page.axes(LEFT + 0.5, top + 0.15, WIDTH - LEFT - MARGIN - 0.5, PANEL), card, data.class_names)
    top += PANEL + 0.95
    draw_lengths(page.axes(LEFT + 0.5, top + 0.15, WIDTH - LEFT - MARGIN - 0.5, PANEL), card)
    top += PANEL + 0.95
    for line in lines:
        top = page.block(line, LEFT, top) + 0.06
    if card["near_duplicates"]:
        draw_pairs(page, data, card["near_duplicates"], top + 0.1)
    return page.figure


def choose(data: Data, seed: int) -> list[tuple[int, Block]]:
    """Rows of the training split with their captions set in lines, the classes taking turns."""
    train, count = data.splits["train"], COLUMNS * ROWS
    drawn = list(sample_per_class(train.content, -(-count // len(data.class_names)), seed).values())
    turns = [rows[i] for i in range(count) for rows in drawn if i < len(rows)][:count]
    told = data.vocabulary.words_of(train.tokens[turns])
    return [(row, set_words(words, CAPTION, SIZE)) for row, words in zip(turns, told, strict=True)]


def draw_samples(page: Page, data: Data, rows: list[list[tuple[int, Block]]], heights: list[float]) -> None:
    """Image and caption as the model reads them."""
    page.text(MARGIN, HEAD + 0.18, "training samples as the model reads them", fontsize=11.5, weight="bold")
    top = HEAD + 0.35
    for row, height in zip(rows, heights, strict=True):
        for i, (number, caption) in enumerate(row):
            left = MARGIN + i * (SIDE + PAD + CAPTION + 0.15)
            page.image(data.splits["train"].image[number], left, top, SIDE)
            page.block(caption, left + SIDE + PAD, top)
        top += height


def draw_classes(axes: Axes, card: dict[str, Any], names: list[str]) -> None:
    """Samples of each class in each split, side by side."""
    place, width = np.arange(len(names)), 0.27
    for i, (split, color) in enumerate(SPLITS.items()):
        axes.bar(place + (i - 1) * width, list(card["classes"][split].values()), width, color=color, label=split)
    short = [name if len(name) <= 10 else name[:9] + "…" for name in names]
    every = -(-len(names) // NAMES)  # of many classes, every second, third ... is named
    upright = {"rotation": 90} if max(map(len, short)) * len(names) > 60 else {}
    axes.set_xticks(place[::every], short[::every], **upright)
    finish(axes, "samples by pictured class", "samples")
    axes.legend(frameon=False, fontsize=9.5, ncols=3, loc="lower right", handlelength=1, bbox_to_anchor=(1.01, 0.99))


def draw_lengths(axes: Axes, card: dict[str, Any]) -> None:
    """Share of each split's captions by their number of words."""
    for split, color in SPLITS.items():
        words = np.array(card["captions"][split]["words"])
        axes.stairs(words / words.sum(), np.arange(len(words) + 1) - 0.5, color=color, linewidth=1.8)
    used = [np.flatnonzero(card["captions"][split]["words"]) for split in SPLITS]
    axes.set_xlim(min(u[0] for u in used) - 1, max(u[-1] for u in used) + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("words in the caption", fontsize=10, color=INK)
    finish(axes, "caption length", "share of captions")


def finish(axes: Axes, title: str, what: str) -> None:
    """Title, axis and grid."""
    axes.set_title(title, fontsize=11.5, loc="left", color=INK, weight="bold")
    axes.set_ylabel(what, fontsize=10, color=INK)
    axes.grid(axis="y", color=RULE, linewidth=0.6)


def facts(data: Data, card: dict[str, Any]) -> list[str]:
    """What a reader should know, a line each."""
    train, test = card["captions"]["train"], card["captions"]["test"]
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in data.splits.items())
    revision = f", revision {card['revision'][:12]}" if card["revision"] else ""
    found = len(card["near_duplicates"])
    return [
        f"source: {card['source']}{revision}; fingerprint {data.fingerprint}",
        f"samples: {sizes}; {card['vocabulary']:,} words in the vocabulary",
        f"captions: {train['duplicates']:.1%} of the training ones repeat another; "
        f"{card['test_captions_in_train']:.1%} of the test ones stand in train word for word",
        f"cut at the most words: {train['cut']:.1%} of the training captions; "
        f"words of the test captions that are unknown: {test['unknown_words']:.1%}",
        f"bad rows skipped: {len(card['bad_rows'])}",
        f"test images nearly equal to a training image: {found} of {len(data.splits['test']):,}",
    ]


def draw_pairs(page: Page, data: Data, pairs: list[dict[str, int]], top: float) -> None:
    """Some of the near duplicates: the test image, then the training image."""
    page.text(LEFT, top + 0.12, "test image beside its nearest training image", fontsize=9.5, color=QUIET)
    side = 0.9 * (WIDTH - LEFT - MARGIN) / (2 * PAIRS)
    for i, pair in enumerate(pairs[:PAIRS]):
        left = LEFT + i * (WIDTH - LEFT - MARGIN) / PAIRS
        page.image(data.splits["test"].image[pair["test"]], left, top + 0.25, side)
        page.image(data.splits["train"].image[pair["train"]], left + side, top + 0.25, side)
