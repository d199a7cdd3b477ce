"""Captions for the eye: which words are wrong, and where each word stands when set in lines."""

from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

DPI = 150  # pixels an inch, at which text is measured and figures are saved
CLOSING = frozenset(",.;:!?)%")  # stands close to the word before it, on its line
LEADING = 1.42  # line height over font size


@dataclass(frozen=True)
class Word:
    """A word in its place: left end and baseline in inches from the block's top left, size in points."""

    text: str
    x: float
    y: float
    width: float
    size: float
    weight: str
    marked: bool


@dataclass(frozen=True)
class Block:
    """Words set in lines, `height` inches in all."""

    words: list[Word]
    height: float


def wrong_words(written: list[str], real: list[str]) -> list[bool]:
    """Which words of `written` are not in `real`, or not so often; their order is no error."""
    left, wrong = Counter(real), []
    for word in written:
        wrong.append(left[word] == 0)
        left[word] -= not wrong[-1]
    return wrong


@cache
def renderer() -> RendererAgg:
    """Measures text as it is saved."""
    return RendererAgg(1, 1, DPI)


@lru_cache(maxsize=20_000)
def width_of(text: str, size: float, weight: str) -> float:
    """Of a text in inches, its size in points."""
    font = FontProperties(size=size, weight=weight)
    return renderer().get_text_width_height_descent(text, font, ismath=False)[0] / DPI


def set_words(
    words: list[str], width: float, size: float, marked: list[bool] | None = None, weight: str = "normal"
) -> Block:
    """Words in lines at most `width` inches wide, `size` points; a word too wide for one is set smaller."""
    marked = [False] * len(words) if marked is None else marked
    placed: list[Word] = []
    line, right = 0, 0.0
    for group in groups(words):
        pieces = [fitted(words[i], width, size, "bold" if marked[i] else weight) for i in group]
        needed = sum(wide for _, wide in pieces) + 0.01 * len(pieces)
        gap = 0.3 * size / 72 if right else 0.0
        if right and right + gap + needed > width:
            line, right, gap = line + 1, 0.0, 0.0
        right += gap
        for i, (points, wide) in zip(group, pieces, strict=True):
            baseline = (line * LEADING + 1.0) * size / 72
            placed.append(Word(words[i], right, baseline, wide, points, "bold" if marked[i] else weight, marked[i]))
            right += wide + 0.01
    lines = line + 1 if words else 0
    return Block(placed, lines * LEADING * size / 72)


def set_caption(words: list[str], real: list[str], width: float, size: float) -> Block:
    """A caption with its wrong words marked; one without words says so."""
    if not words:
        return set_words(["(no", "words)"], width, size)
    return set_words(words, width, size, wrong_words(words, real))


def groups(words: list[str]) -> list[list[int]]:
    """Positions of the words that share a line: a word, and the punctuation that closes it."""
    found: list[list[int]] = []
    for i, word in enumerate(words):
        if found and set(word) <= CLOSING and len(found[-1]) < 3:
            found[-1].append(i)
        else:
            found.append([i])
    return found


def fitted(word: str, width: float, size: float, weight: str) -> tuple[float, float]:
    """(points, inches) of a word, set smaller where it would be wider than `width`."""
    wide = width_of(word, size, weight)
    if wide <= width:
        return size, wide
    points = size * 0.97 * width / wide
    return points, width_of(word, points, weight)
