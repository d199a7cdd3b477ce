"""How the samples of the generation figure stand on the page: columns, image sides, caption sizes."""

from dataclasses import dataclass

from multimodal.figures.layout import HEAD, MARGIN
from multimodal.figures.text_layout import Block, set_words

WIDTH, GUTTER, PAD, CLASS = 13.0, 0.4, 0.11, 0.32  # inches; CLASS: the line of its name
START = HEAD + 0.25  # inches: beneath the line that says how coherent it is


@dataclass(frozen=True)
class Grid:
    """Measures: how many columns of samples, inches of an image's side, points of a caption."""

    columns: int
    side: float
    size: float

    @property
    def sample(self) -> float:
        """Inches of a sample's width."""
        return (WIDTH - 2 * MARGIN - GUTTER * (self.columns - 1)) / self.columns

    @property
    def caption(self) -> float:
        """Inches of a caption's width."""
        return (self.sample - 2 * self.side - 3 * PAD) / 2

    @property
    def lefts(self) -> tuple[float, float, float, float]:
        """Left ends of image, caption, drawn image and written caption."""
        image, half = self.side + PAD, self.side + self.caption + 2 * PAD
        return 0.0, image, half, half + image

    def headings(self) -> list[Block]:
        """What each of the four shows."""
        names = ("image", "caption", "image from caption", "caption from image")
        widths = (self.side + PAD / 2, self.caption) * 2
        return [set_words(n.split(), w, min(self.size, 9)) for n, w in zip(names, widths, strict=True)]

    @property
    def top(self) -> float:
        """Inches above the first class."""
        return START + 0.3 + max(block.height for block in self.headings())


# The first that fits the page is taken: few classes, more of them, many, long captions.
GRIDS = [Grid(2, 1.2, 10), Grid(2, 0.9, 9.5), Grid(2, 0.7, 9.5), Grid(2, 0.9, 8), Grid(3, 0.75, 8)]
GRIDS += [Grid(3, 0.62, 7), Grid(3, 0.48, 7), Grid(1, 0.62, 7.5), Grid(1, 0.62, 6.5)]
