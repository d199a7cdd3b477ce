"""Several pictures in a grid, of which the caption points at one: the class of that one is asked for.

The image alone does not tell which picture is meant, the caption alone not what it shows. The picture that is asked
for is the sample's own; the others are drawn from the same split. After the grids of Johnson et al. 2017, CLEVR,
https://arxiv.org/abs/1612.06890, and of Kazemzadeh et al. 2014, ReferItGame, https://doi.org/10.3115/v1/D14-1086.
"""

import logging
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from multimodal.checks import check_flag, check_one_of, check_seed, check_whole
from multimodal.images import Pictures, new_images
from multimodal.task.process import chance_level, class_shares, split_generators
from multimodal.types import Captions, Limits, TaskData

log = logging.getLogger(__name__)

ROWS = {2: ("top", "bottom"), 3: ("top", "middle", "bottom")}
COLUMNS = {2: ("left", "right"), 3: ("left", "center", "right")}
PLACES = (  # wordings of a place in the grid
    "the picture at the {row} {column}",
    "the {row} {column} picture",
    "what is in the {row} row, {column}",
    "{column} column, {row} row",
)
RELATIONS = (  # wordings of a place beside a picture
    "the picture just {side} the {name}",
    "what is just {side} the {name}",
    "just {side} the {name}",
)
SIDES = {(0, -1): "left of", (0, 1): "right of", (-1, 0): "above", (1, 0): "below"}  # {(rows down, columns right)}
LEGIBLE = 14  # pixels: a digit in a smaller picture is hard to read
CHUNK = 256  # grids at a time
POINTS = "task=referring: the caption points at a picture and does not tell what it shows"
SEVERAL = "task=referring: an image has several pictures, and which is asked for is not in it"


class Grids(NamedTuple):
    """Describe N grids of n pictures.

    Args:
        rows: (N, n) int64, which sample of the split each cell shows.
        target: (N,) int64, the cell that is asked for.
        anchor: (N,) int64, the cell that it is beside; equal to `target` where the caption tells the place.
    """

    rows: Tensor
    target: Tensor
    anchor: Tensor


class ReferringTask:
    """Shows a grid of pictures and points at one of them.

    Args:
        grid: pictures in a row and in a column, 2 or 3.
        relational: whether the caption points by a neighbour, whose class is in the grid only once ("just left of
            the seven"), and not by the place.
        draws: samples that are made of each training picture, each in a grid of its own.
        seed: seed of all draws; the data's.
    """

    def __init__(self, grid: int, relational: bool, draws: int, seed: int) -> None:
        check_one_of("task", tuple(ROWS), grid=grid)
        check_flag("task", relational=relational)
        check_whole("task", draws=draws)
        check_seed("task", seed=seed)
        self.grid, self.relational, self.draws, self.seed = grid, relational, draws, seed

    def apply(
        self, image: dict[str, Pictures], captions: Captions, content: dict[str, Tensor], class_names: list[str]
    ) -> TaskData:
        """Put the pictures of each split into grids of the same image size, and point at each sample's own picture.

        Args:
            image: {split: (N, C, H, W) uint8}.
            captions: ignored.
            content: {split: (N,) int64, the pictured class}.
            class_names: names of the classes.

        Raises:
            ValueError: there are too few classes to point by a neighbour, or the image is smaller than the grid.
        """
        size = image["train"].shape[-1]
        if size < self.grid:
            raise ValueError(f"task.grid={self.grid} does not fit into images of dataset.image_size={size} pixels")
        if size // self.grid < LEGIBLE:
            log.warning(
                "task.grid=%d leaves %d pixels for a picture, too few to read it well: dataset.image_size=%d gives %d",
                self.grid,
                size // self.grid,
                self.grid * LEGIBLE,
                LEGIBLE,
            )
        grids: dict[str, Grids] = {}
        pointing: dict[str, list[str]] = {}
        for split, generator in split_generators(self.seed, content).items():
            if self.relational:
                grids[split] = related_grids(content[split], self.grid, len(class_names), generator)
            else:
                grids[split] = placed_grids(content[split], self.grid, generator)
            pointing[split] = self.point(grids[split], content[split], class_names, generator)
        return TaskData(
            image={split: compose(image[split], grids[split].rows, self.grid) for split in image},
            captions=pointing,
            label=content,
            content=content,
            names_class=False,
            limits=self.limits(grids["test"], content, len(class_names)),
            writes_captions=True,
            flippable=False,  # left is not right
            undefined={"text_to_image": POINTS, "image_to_text": SEVERAL, "retrieval": POINTS}
            | dict.fromkeys(("judge/", "reconstruction/class_coherence", "reconstruction/frechet"), SEVERAL),
        )

    def point(self, grids: Grids, content: Tensor, class_names: list[str], generator: torch.Generator) -> list[str]:
        """Return for each grid a caption that points at its target, in a wording that is drawn."""
        wordings = RELATIONS if self.relational else PLACES
        drawn = torch.randint(len(wordings), (len(content),), generator=generator).tolist()
        texts = []
        for i, (target, anchor) in enumerate(zip(grids.target.tolist(), grids.anchor.tolist(), strict=True)):
            row, column = divmod(target, self.grid)
            down, right = row - anchor // self.grid, column - anchor % self.grid
            words = {"row": ROWS[self.grid][row], "column": COLUMNS[self.grid][column]}
            words |= {"side": SIDES.get((down, right), ""), "name": class_names[int(content[grids.rows[i, anchor]])]}
            texts.append(wordings[drawn[i]].format(**words))
        return texts

    def limits(self, test: Grids, content: dict[str, Tensor], classes: int) -> Limits:
        """Compute what an ideal reader of all pictures and words reaches; neither modality tells what the other does.

        From the image alone it answers the class that most of the possible targets have. From a place alone it
        answers the most frequent class, and from a neighbour the most frequent one that is not the neighbour's. The
        product of these two answers is the image's where the caption tells a place. Where it tells the neighbour's
        class, the product rules that class out, but it does not look for it in the image.
        """
        chance = chance_level(content["train"], content["test"])
        shares = class_shares(content["test"], classes)
        pictured = content["test"][test.rows]  # (N, n)
        if not self.relational:
            by_class = class_weights(pictured, torch.ones(pictured.shape, dtype=torch.float64), classes)
            image = expected_accuracy(by_class, by_class.argmax(1))
            return Limits(chance=chance, image=image, text=chance, both=1.0, product=image)
        single = (pictured[:, :, None] == pictured[:, None, :]).sum(2) == 1  # (N, n), the class is there only once
        by_image = class_weights(pictured, target_weights(pictured, shares, self.grid, single), classes)
        anchor = test.anchor[:, None]
        ratio = (1 / (1 - shares)).expand(len(pictured), -1).clone()  # p(class | the neighbour's class) / p(class)
        by_text = shares * ratio.scatter_(1, pictured.gather(1, anchor), 0)
        named = torch.zeros_like(single).scatter_(1, anchor, True)
        by_both = class_weights(pictured, target_weights(pictured, shares, self.grid, named), classes)
        return Limits(
            chance=chance,
            image=expected_accuracy(by_image, by_image.argmax(1)),
            text=expected_accuracy(by_text, by_text.argmax(1)),
            both=1.0,
            product=expected_accuracy(by_both, (by_image * ratio).argmax(1)),
        )


def placed_grids(content: Tensor, grid: int, generator: torch.Generator) -> Grids:
    """Draw N grids with the sample's own picture in a random cell and random others of the split in the rest.

    Args:
        content: (N,) int64, the pictured classes.
        grid: pictures in a row and in a column.
        generator: the split's.
    """
    count = len(content)
    rows = torch.randint(count, (count, grid * grid), generator=generator)
    target = torch.randint(grid * grid, (count,), generator=generator)
    rows.scatter_(1, target[:, None], torch.arange(count)[:, None])
    return Grids(rows, target, anchor=target)


def related_grids(content: Tensor, grid: int, classes: int, generator: torch.Generator) -> Grids:
    """Draw N grids in which the sample's own picture is beside one whose class is in the grid only once.

    Args:
        content: (N,) int64, the pictured classes.
        grid: pictures in a row and in a column.
        classes: number of classes of the data.
        generator: the split's.

    Raises:
        ValueError: with two classes the neighbour tells the answer; or the split has a single class.
    """
    if classes < 3:
        raise ValueError(
            "task.relational=true needs three classes or more: of two, the neighbour's tells the answer; use false"
        )
    counts = content.bincount(minlength=classes)
    if int((counts > 0).sum()) < 2:
        raise ValueError("task.relational=true needs two classes or more in every split; give more data")
    count, pairs = len(content), torch.tensor(neighbours(grid))
    anchor, target = pairs[torch.randint(len(pairs), (count,), generator=generator)].unbind(1)
    others = counts.double().expand(count, -1).clone().scatter_(1, content[:, None], 0)  # (N, K)
    beside = others.multinomial(1, generator=generator)  # (N, 1), the neighbour's class
    rest = counts.double().expand(count, -1).clone().scatter_(1, beside, 0)
    pictured = rest.multinomial(grid * grid, replacement=True, generator=generator)  # (N, n) classes
    pictured.scatter_(1, anchor[:, None], beside)
    # a random sample of each cell's class
    order, start = content.argsort(stable=True), counts.cumsum(0) - counts
    within = (torch.rand(pictured.shape, generator=generator, dtype=torch.float64) * counts[pictured]).long()
    rows = order[start[pictured] + within]
    rows.scatter_(1, target[:, None], torch.arange(count)[:, None])
    return Grids(rows, target, anchor)


def neighbours(grid: int) -> list[tuple[int, int]]:
    """Return all pairs of cells of which the second is just beside, above or below the first.

    Example:
        >>> neighbours(2)[:2]
        [(0, 1), (0, 2)]
    """
    cells = [divmod(cell, grid) for cell in range(grid * grid)]
    sides = [(i, j) for i, a in enumerate(cells) for j, b in enumerate(cells) if (b[0] - a[0], b[1] - a[1]) in SIDES]
    return sorted(sides)


def class_weights(pictured: Tensor, weight: Tensor, classes: int) -> Tensor:
    """Sum the weights of the cells that show each class: (N, n) int64, (N, n) -> (N, K)."""
    return torch.zeros(len(pictured), classes, dtype=weight.dtype).scatter_add_(1, pictured, weight)


def expected_accuracy(weight: Tensor, answer: Tensor) -> float:
    """Compute how often answers (N,) are right, given how likely each class is: (N, K), not normalised."""
    return float((weight.gather(1, answer[:, None]).squeeze(1) / weight.sum(1)).mean())


def target_weights(pictured: Tensor, shares: Tensor, grid: int, anchors: Tensor) -> Tensor:
    """Compute how likely each cell is the target, given the pictures of grids that `related_grids` draws.

    A pair of neighbour and target has the probability p(target) p(neighbour) / (1 - p(target)) times that of the
    other n - 2 pictures, p / (1 - p(neighbour)) each: all p are the same for every pair of one grid.

    Args:
        pictured: (N, n) int64 classes.
        shares: (K,) float64 shares of the classes.
        grid: pictures in a row and in a column.
        anchors: (N, n) bool, which cells the target may be beside.

    Returns:
        (N, n) float64, not normalised.
    """
    left = 1 - shares[pictured]
    weight = torch.zeros(pictured.shape, dtype=torch.float64)
    for anchor, target in neighbours(grid):
        weight[:, target] += anchors[:, anchor] / (left[:, target] * left[:, anchor] ** (grid * grid - 2))
    return weight


def compose(image: Pictures, rows: Tensor, grid: int) -> Pictures:
    """Put pictures into grids of the same image size; pixels that are left over at the edges are black.

    Args:
        image: (N, C, H, H) uint8.
        rows: (M, n) int64, which image each cell shows.
        grid: pictures in a row and in a column.

    Returns:
        (M, C, H, H) uint8.
    """
    return new_images((compose_chunk(image, part, grid) for part in rows.split(CHUNK)), image)


def compose_chunk(image: Pictures, rows: Tensor, grid: int) -> Tensor:
    """Put pictures into grids, as `compose` does, all at once."""
    size = image.shape[-1]
    cell = size // grid
    canvas = torch.zeros((len(rows), *image.shape[1:]), dtype=torch.uint8)
    edge = (size - grid * cell) // 2
    for number in range(grid * grid):
        top, left = (edge + cell * place for place in divmod(number, grid))
        shown = image[rows[:, number]].float()
        small = interpolate(shown, (cell, cell), mode="bilinear", antialias=True).round().clamp(0, 255).byte()
        canvas[:, :, top : top + cell, left : left + cell] = small
    return canvas
