"""Where each word of a caption looks: its attention laid over the picture, one tile a word."""

from typing import NamedTuple

import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.offsetbox import OffsetBox
from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.context import AttentionMaps
from multimodal.evaluation.sampling import sample_evenly
from multimodal.figures.boxes import (
    TALLEST,
    class_box,
    column_box,
    page_of,
    picture_box,
    row_box,
    rule_box,
    space_box,
    text_box,
    words_box,
)
from multimodal.figures.layout import HEAD, MARGIN, QUIET
from multimodal.types import BOS, EOS, PAD

FEWEST, MOST, LINES = 4, 6, 3  # samples; lines of tiles a sample, at most
WIDTH, PICTURE, GAP = 13.0, 1.25, 0.1  # inches: the page, the picture's side, between tiles
LEFT = 1.95  # inches: the picture with its colour scale
TILES = (0.95, 0.85, 0.75, 0.64)  # inches of a tile's side: the first that fits the page
SIZE = 9.0  # points
HEAT, OPACITY, PIXELS = "autumn_r", 0.85, 128  # colours; of the largest weight; at least, of a tile
DIM = 0.55  # of the picture's brightness, so that colours show on what is white as well
NOTE = "Share of what a word takes from the image; colours begin at an even share of all places. A scale each sample."
LEAST = 1.5  # times the even share: what a scale reaches at least, so that looking everywhere stays pale


class AttendedSample(NamedTuple):
    """An image, its class and its caption's words, and a map (h, w) for each of these."""

    image: Tensor
    name: str
    words: list[str]
    maps: Tensor


def draw_attention(title: str, data: Data, attention: AttentionMaps, seed: int) -> Figure:
    """Draw up to six samples, fewer where captions are long, the classes spread; of a long caption the first lines."""
    for count in range(MOST, FEWEST - 1, -1):
        samples = attended_samples(data, attention, count, seed)
        for tile in TILES:
            if HEAD + 0.6 + sum(sample_height(sample, tile) for sample in samples) <= TALLEST:
                return attention_page(title, samples, tile)
    return attention_page(title, samples, tile)


def tiles_across(tile: float) -> int:
    """Return how many tiles of so many inches stand in a line."""
    return int((WIDTH - 2 * MARGIN - LEFT) / (tile + GAP))


def sample_height(sample: AttendedSample, tile: float) -> float:
    """Estimate inches: a word above each tile, the class beneath the picture, a note where words are left out."""
    needed = -(-len(sample.words) // tiles_across(tile))
    tiles = min(LINES, needed) * (tile + 0.16 + GAP) - GAP + (0.23 if needed > LINES else 0)
    return max(PICTURE + 0.2, tiles) + 0.24


def attended_samples(data: Data, attention: AttentionMaps, count: int, seed: int) -> list[AttendedSample]:
    """Return at most `count`, spread over the classes; the maps of `<bos>`, `<eos>` and `<pad>` are left out."""
    test, samples = data.splits["test"], []
    for i in sample_evenly(test.content[attention.rows], count, seed):
        row = int(attention.rows[i])
        tokens = test.tokens[row, : attention.weights.shape[1]]
        word = ~torch.isin(tokens, torch.tensor([PAD, BOS, EOS], dtype=tokens.dtype))
        words = [data.vocabulary.words[t] for t in tokens[word].tolist()]
        maps = attention.weights[i, : len(tokens)][word].float()
        samples.append(AttendedSample(test.image[row], data.class_names[int(test.content[row])], words, maps))
    return samples


def attention_page(title: str, samples: list[AttendedSample], tile: float) -> Figure:
    """Draw a row for each sample, its tiles `tile` inches wide."""
    cells = " × ".join(map(str, samples[0].maps.shape[1:]))
    rows: list[OffsetBox] = [text_box(f"{NOTE} Maps of {cells} cells, enlarged bilinearly.", 10, color=QUIET)]
    for sample in samples:
        name = class_box(sample.name, PICTURE + 0.5, SIZE)
        even = 1 / sample.maps[0].numel() if sample.words else 0.0
        highest = max(float(sample.maps.max()), LEAST * even) if sample.words else 0.0
        picture = row_box([picture_box(sample.image, PICTURE), *scale_boxes(even, highest)], 0.05)
        tiles = column_box(tile_lines(sample, tile, even, highest), GAP)
        row = row_box([column_box([picture, name], 0.06, LEFT), tiles], GAP)
        rows += [rule_box(WIDTH - 2 * MARGIN), row]
    return page_of(WIDTH, "Where each word looks", title, [column_box(rows, 0.12)])


def tile_lines(sample: AttendedSample, tile: float, even: float, highest: float) -> list[OffsetBox]:
    """Return lines of words, each above its tile; a last line says which words are left out."""
    if not sample.words:
        return [text_box("(no words)", SIZE, color=QUIET)]
    across = tiles_across(tile)
    tiles = [
        column_box([words_box([word], tile, SIZE), picture_box(overlaid(sample.image, weight), tile)], 0.03)
        for word, weight in zip(sample.words[: across * LINES], (sample.maps - even) / (highest - even), strict=False)
    ]
    lines: list[OffsetBox] = [row_box(tiles[i : i + across], GAP, "bottom") for i in range(0, len(tiles), across)]
    if len(sample.words) > len(tiles):
        lines.append(text_box(f"the first {len(tiles)} of {len(sample.words)} words", 9.5, color=QUIET))
    return lines


def scale_boxes(even: float, highest: float) -> list[OffsetBox]:
    """Return the colours over a white picture, from the even share to the sample's largest."""
    if not highest:
        return []
    ramp = torch.linspace(1, 0, 64)[:, None].expand(64, 6)
    shares = [text_box(f"{share:.2f}", 8.5) for share in (highest, even)]
    numbers = column_box([shares[0], space_box(0, PICTURE - 0.28), shares[1]], 0)
    return [picture_box(tinted(torch.ones_like(ramp), ramp).permute(2, 0, 1), PICTURE), numbers]


def overlaid(image: Tensor, weights: Tensor) -> Tensor:
    """(C, H, W) uint8 and (h, w) -> (3, P, P): the picture in grey under the coloured weights, clamped to [0, 1]."""
    factor = max(1, -(-PIXELS // image.shape[-1]))
    grey = (image.float().mean(0) / 255).repeat_interleave(factor, 0).repeat_interleave(factor, 1)
    weights = weights.clamp(0, 1)[None, None]
    large = torch.nn.functional.interpolate(weights, grey.shape, mode="bilinear", align_corners=False)
    return tinted(grey, large[0, 0].clamp(0, 1)).permute(2, 0, 1)


def tinted(grey: Tensor, weight: Tensor) -> Tensor:
    """(P, Q) both -> (P, Q, 3): the larger the weight, the redder and the less of the grey shines through."""
    heat = torch.from_numpy(colormaps[HEAT](weight.numpy())[..., :3]).float()
    cover = OPACITY * weight[..., None].sqrt()
    return cover * heat + (1 - cover) * DIM * grey[..., None]
