"""Attention from caption words to image regions: one tile per word, its attention map over the image."""

from typing import NamedTuple

import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.offsetbox import OffsetBox
from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.evaluation.context import AttentionMaps
from multimodal.evaluation.sampling import sample_evenly
from multimodal.figures.boxes import (
    MAX_HEIGHT,
    class_box,
    column_box,
    image_box,
    page_figure,
    row_box,
    rule_box,
    space_box,
    text_box,
    words_box,
)
from multimodal.figures.layout import HEAD, MARGIN, QUIET
from multimodal.types import BOS, EOS, PAD

MIN_SAMPLES, MAX_SAMPLES, MAX_ROWS = 4, 6, 3  # samples on the page; rows of tiles per sample
WIDTH, IMAGE, GAP = 13.0, 1.25, 0.1  # inches: width of the page, side of the image, space between tiles
LEFT = 1.95  # inches: width of the image with its colour scale
TILES = (0.95, 0.85, 0.75, 0.64)  # sides of a tile in inches; the first that fits the page is used
SIZE = 9.0  # points
HEAT, OPACITY = "autumn_r", 0.85  # colour map; opacity of the largest weight
PIXELS = 128  # smallest side of a tile
DIM = 0.55  # brightness of the image under the weights, so that colours are visible on white as well
MIN_SCALE = 1.5  # smallest upper end of a colour scale, in uniform weights, so that uniform attention stays pale
NOTE = "Attention weights of each word, in colour if above the uniform weight. One colour scale per sample."


class AttendedSample(NamedTuple):
    """Holds an image (C, H, W), its class, the words of its caption and an attention map per word (words, h, w)."""

    image: Tensor
    class_name: str
    words: list[str]
    maps: Tensor


def draw_attention(title: str, data: Data, attention: AttentionMaps, seed: int) -> Figure:
    """Draw the attention maps of up to six samples, spread over the classes.

    If captions are long, tiles are smaller, then samples are fewer, and at last only the first words are drawn.
    """
    for count in range(MAX_SAMPLES, MIN_SAMPLES - 1, -1):
        samples = choose_attended_samples(data, attention, count, seed)
        for tile in TILES:
            if HEAD + 0.6 + sum(estimate_height(sample, tile) for sample in samples) <= MAX_HEIGHT:
                return attention_page(title, samples, tile)
    return attention_page(title, samples, tile)


def tiles_per_row(tile: float) -> int:
    """Compute how many tiles of `tile` inches fit in a row."""
    return int((WIDTH - 2 * MARGIN - LEFT) / (tile + GAP))


def estimate_height(sample: AttendedSample, tile: float) -> float:
    """Estimate the height of a sample in inches, with words above the tiles and the class below the image."""
    needed = -(-len(sample.words) // tiles_per_row(tile))
    tiles = min(MAX_ROWS, needed) * (tile + 0.16 + GAP) - GAP + (0.23 if needed > MAX_ROWS else 0)
    return max(IMAGE + 0.2, tiles) + 0.24


def choose_attended_samples(data: Data, attention: AttentionMaps, count: int, seed: int) -> list[AttendedSample]:
    """Choose at most `count` samples, spread over the classes; omit the maps of `<bos>`, `<eos>` and `<pad>`."""
    test, samples = data.splits["test"], []
    for i in sample_evenly(test.content[attention.rows], count, seed):
        row = int(attention.rows[i])
        subwords = None if attention.words is None else attention.words[i]
        words, maps = maps_of_words(test.tokens[row], subwords, attention.weights[i], data.vocabulary)
        samples.append(AttendedSample(test.image[row], data.class_names[int(test.content[row])], words, maps))
    return samples


def maps_of_words(
    tokens: Tensor, subwords: list[str] | None, weights: Tensor, vocabulary: Vocabulary
) -> tuple[list[str], Tensor]:
    """Return the words of a caption and the map of each; those of `<bos>`, `<eos>` and `<pad>` are omitted.

    Args:
        tokens: (T,), the caption.
        subwords: what the maps are of, if a pretrained tokenizer read the caption; None if `tokens`.
        weights: (T, h, w), a map for each token.
        vocabulary: of the training captions.
    """
    if subwords is not None:
        return subwords, weights[: len(subwords)].float()
    tokens = tokens[: len(weights)]
    word = ~torch.isin(tokens, torch.tensor([PAD, BOS, EOS], dtype=tokens.dtype))
    return [vocabulary.words[t] for t in tokens[word].tolist()], weights[: len(tokens)][word].float()


def color_limits(maps: Tensor) -> tuple[float, float]:
    """Return the weights (words, h, w) that a sample's colour scale begins and ends with; zeros without a word."""
    if not len(maps):
        return 0.0, 0.0
    uniform = 1 / maps[0].numel()
    return uniform, max(float(maps.max()), MIN_SCALE * uniform)


def attention_page(title: str, samples: list[AttendedSample], tile: float) -> Figure:
    """Draw one row per sample, with tiles `tile` inches wide."""
    cells = " × ".join(map(str, samples[0].maps.shape[1:]))
    rows: list[OffsetBox] = [text_box(f"{NOTE} Maps of {cells} cells, bilinear interpolation.", 10, color=QUIET)]
    for sample in samples:
        name = class_box(sample.class_name, IMAGE + 0.5, SIZE)
        uniform, highest = color_limits(sample.maps)
        image = row_box([image_box(sample.image, IMAGE), *color_scale_boxes(uniform, highest)], 0.05)
        tiles = column_box(tile_rows(sample, tile, uniform, highest), GAP)
        row = row_box([column_box([image, name], 0.06, LEFT), tiles], GAP)
        rows += [rule_box(WIDTH - 2 * MARGIN), row]
    return page_figure(WIDTH, "Attention from caption words to image regions", title, [column_box(rows, 0.12)])


def tile_rows(sample: AttendedSample, tile: float, uniform: float, highest: float) -> list[OffsetBox]:
    """Build rows of tiles with a word above each; the last line counts the words if some are omitted.

    Args:
        sample: image, words and maps.
        tile: side of a tile in inches.
        uniform: weight of every cell under uniform attention: lower end of the colour scale.
        highest: upper end of the colour scale.
    """
    if not sample.words:
        return [text_box("(no words)", SIZE, color=QUIET)]
    per_row = tiles_per_row(tile)
    scaled = (sample.maps - uniform) / (highest - uniform)
    tiles = [
        column_box([words_box([word], tile, SIZE), image_box(overlay_attention(sample.image, weight), tile)], 0.03)
        for word, weight in zip(sample.words[: per_row * MAX_ROWS], scaled, strict=False)
    ]
    rows: list[OffsetBox] = [row_box(tiles[i : i + per_row], GAP, "bottom") for i in range(0, len(tiles), per_row)]
    if len(sample.words) > len(tiles):
        rows.append(text_box(f"the first {len(tiles)} of {len(sample.words)} words", 9.5, color=QUIET))
    return rows


def color_scale_boxes(uniform: float, highest: float) -> list[OffsetBox]:
    """Build the colour scale over a white image, from the uniform weight to the sample's highest, and its numbers."""
    if not highest:
        return []
    ramp = torch.linspace(1, 0, 64)[:, None].expand(64, 6)
    top, bottom = (text_box(f"{weight:.3g}", 8.5) for weight in (highest, uniform))
    numbers = column_box([top, space_box(0, IMAGE - 0.28), bottom], 0)
    return [image_box(blend_heat(torch.ones_like(ramp), ramp).permute(2, 0, 1), IMAGE), numbers]


def overlay_attention(image: Tensor, weights: Tensor) -> Tensor:
    """Lay weights over an image: (C, H, W) uint8 and (h, w), clamped to [0, 1] -> (3, P, P) in [0, 1].

    The image is drawn in grey and enlarged to at least PIXELS pixels a side, the weights are interpolated.
    """
    factor = max(1, -(-PIXELS // image.shape[-1]))
    grey = (image.float().mean(0) / 255).repeat_interleave(factor, 0).repeat_interleave(factor, 1)
    weights = weights.clamp(0, 1)[None, None]
    large = torch.nn.functional.interpolate(weights, grey.shape, mode="bilinear", align_corners=False)
    return blend_heat(grey, large[0, 0].clamp(0, 1)).permute(2, 0, 1)


def blend_heat(grey: Tensor, weight: Tensor) -> Tensor:
    """Blend grey values (P, Q) with the colours of weights (P, Q) in [0, 1], opaque for large weights: -> (P, Q, 3)."""
    heat = torch.from_numpy(colormaps[HEAT](weight.numpy())[..., :3]).float()
    opacity = OPACITY * weight[..., None].sqrt()
    return opacity * heat + (1 - opacity) * DIM * grey[..., None]
