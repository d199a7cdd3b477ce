"""Where each word of a caption looks: its attention laid over the picture, one tile a word."""

from dataclasses import dataclass

import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.attention import AttentionMaps
from multimodal.evaluation.sampling import sample_evenly
from multimodal.figures.layout import HEAD, MARGIN, QUIET, Page
from multimodal.figures.text_layout import Block, fitted, set_words
from multimodal.types import BOS, EOS, PAD

FEWEST, MOST, LINES = 4, 6, 3  # samples; lines of tiles a sample, at most
WIDTH, TALLEST, PICTURE = 13.0, 16.0, 1.25  # inches: the page, the picture's side
TILES = (0.95, 0.85, 0.75, 0.64)  # inches of a tile's side: the first that fits the page
PAD_X, WORD = 0.1, 0.24  # inches: between tiles, and the height of a word above its tile
LEFT = MARGIN + PICTURE + 0.75  # inches: where the tiles start, right of the colour scale
SIZE, HEAT, OPACITY, PIXELS = 9.0, "autumn_r", 0.85, 128  # points; colours; of the largest weight; at least, of a tile
DIM = 0.55  # of the picture's brightness, so that colours show on what is white as well
NOTE = "Share of what a word takes from the image; colours begin at an even share of all places. A scale each sample."
LEAST = 1.5  # times the even share: what a scale reaches at least, so that looking everywhere stays pale


@dataclass(frozen=True)
class Sample:
    """A row of the test split, its class and caption's words, and a map (h, w) for each of these."""

    row: int
    name: Block
    words: list[str]
    maps: Tensor

    def lines(self, tile: float) -> int:
        """Of tiles."""
        return min(LINES, -(-len(self.words) // across(tile)))

    def height(self, tile: float) -> float:
        """Inches; a line of text says which words are left out."""
        left_out = 0.2 if len(self.words) > LINES * across(tile) else 0
        return max(PICTURE + 0.1 + self.name.height, self.lines(tile) * (tile + WORD) + left_out) + 0.22


def across(tile: float) -> int:
    """Tiles in a line."""
    return int((WIDTH - LEFT - MARGIN + PAD_X) / (tile + PAD_X))


def draw_attention(title: str, data: Data, attention: AttentionMaps, seed: int) -> Figure:
    """Up to six samples, fewer where captions are long, the classes spread; of a long caption the first lines."""
    samples, tile = plan(data, attention, seed)
    page = Page(WIDTH, height_of(samples, tile), "Where each word looks", title)
    cells = " × ".join(map(str, attention.weights.shape[2:]))
    page.text(MARGIN, HEAD + 0.08, f"{NOTE} Maps of {cells} cells, enlarged bilinearly.", fontsize=10, color=QUIET)
    top = HEAD + 0.35
    for sample in samples:
        page.rule(MARGIN, top - 0.1, WIDTH - 2 * MARGIN)
        draw_sample(page, sample, data.splits["test"].image[sample.row], top, tile)
        top += sample.height(tile)
    return page.figure


def plan(data: Data, attention: AttentionMaps, seed: int) -> tuple[list[Sample], float]:
    """The most samples that fit the page, and the largest side of a tile at which they do."""
    content = data.splits["test"].content[attention.rows]
    for count in range(MOST, FEWEST - 1, -1):
        samples = [read_sample(data, attention, i) for i in sample_evenly(content, count, seed)]
        for tile in TILES:
            if height_of(samples, tile) <= TALLEST:
                return samples, tile
    return samples, TILES[-1]


def height_of(samples: list[Sample], tile: float) -> float:
    """Inches of the page."""
    return HEAD + 0.5 + sum(sample.height(tile) for sample in samples)


def read_sample(data: Data, attention: AttentionMaps, i: int) -> Sample:
    """The i-th of the attention's rows; the words' maps alone, without those of `<bos>`, `<eos>` and `<pad>`."""
    test, row = data.splits["test"], int(attention.rows[i])
    tokens = test.tokens[row, : attention.weights.shape[1]]
    word = ~torch.isin(tokens, torch.tensor([PAD, BOS, EOS], dtype=tokens.dtype))
    words = [data.vocabulary.words[t] for t in tokens[word].tolist()]
    name = set_words(data.class_names[int(test.content[row])].split(), PICTURE + 0.5, 9.5, weight="bold")
    return Sample(row, name, words, attention.weights[i, : len(tokens)][word].float())


def draw_sample(page: Page, sample: Sample, image: Tensor, top: float, tile: float) -> None:
    """The picture with its class and colour scale, then the words in lines."""
    page.image(image, MARGIN, top, PICTURE)
    page.block(sample.name, MARGIN, top + PICTURE + 0.06)
    if not sample.words:
        page.text(LEFT, top + 0.2, "(no words)", color=QUIET)
        return
    even = 1 / sample.maps[0].numel()
    highest = max(float(sample.maps.max()), LEAST * even)
    draw_scale(page, MARGIN + PICTURE + 0.1, top, even, highest)
    shown = across(tile) * LINES
    for i, (word, weights) in enumerate(zip(sample.words[:shown], sample.maps, strict=False)):
        x = LEFT + i % across(tile) * (tile + PAD_X)
        y = top + i // across(tile) * (tile + WORD)
        size, _ = fitted(word, tile + 0.6 * PAD_X, SIZE, "normal")
        page.text(x, y + 0.1, word, fontsize=size)
        page.image(overlaid(image, ((weights - even) / (highest - even)).clamp(0, 1)), x, y + 0.16, tile)
    if len(sample.words) > shown:
        y = top + LINES * (tile + WORD) + 0.12
        page.text(LEFT, y, f"the first {shown} of {len(sample.words)} words", fontsize=9.5, color=QUIET)


def overlaid(image: Tensor, weights: Tensor) -> Tensor:
    """(C, H, W) uint8 and (h, w) in [0, 1] -> (3, P, P): the picture in grey under the coloured weights."""
    factor = max(1, -(-PIXELS // image.shape[-1]))
    grey = (image.float().mean(0) / 255).repeat_interleave(factor, 0).repeat_interleave(factor, 1)
    large = torch.nn.functional.interpolate(weights[None, None], grey.shape, mode="bilinear", align_corners=False)
    return tinted(grey, large[0, 0].clamp(0, 1)).permute(2, 0, 1)


def tinted(grey: Tensor, weight: Tensor) -> Tensor:
    """(P, Q) both -> (P, Q, 3): the larger the weight, the redder and the less of the grey shines through."""
    heat = torch.from_numpy(colormaps[HEAT](weight.numpy())[..., :3]).float()
    cover = OPACITY * weight[..., None].sqrt()
    return cover * heat + (1 - cover) * DIM * grey[..., None]


def draw_scale(page: Page, x: float, top: float, even: float, highest: float) -> None:
    """The colours over a white picture, from the even share to the sample's largest."""
    ramp = torch.linspace(1, 0, 64)[:, None].expand(64, 2)
    extent = (x, x + 0.11, top + PICTURE, top)
    shown = tinted(torch.ones_like(ramp), ramp).numpy()
    page.canvas.imshow(shown, extent=extent, aspect="auto", interpolation="nearest", zorder=2)
    for y, value in ((top + 0.09, f"{highest:.2f}"), (top + PICTURE, f"{even:.2f}")):
        page.text(x + 0.15, y, value, fontsize=8.5)
