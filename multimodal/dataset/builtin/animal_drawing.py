"""Draw cat and dog faces of 64x64 pixels that show every attribute of their caption.

Only shape distinguishes the species: outline, muzzle, nose, whiskers, pupils, and the position of the ears. Colours,
pattern, ear shapes and mouth are shared. Position, size, tilt, proportions, shades, light and noise vary as well, but
no caption mentions them.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from multimodal.dataset.builtin.animal_anatomy import ANATOMY, EAR_IN_FRONT, Anatomy
from multimodal.dataset.builtin.animal_pen import Color, Pen, ellipse, flip, mirrored, mix, smooth

FUR = {
    "orange": (242, 144, 48),
    "grey": (150, 155, 164),
    "black": (54, 51, 60),
    "white": (250, 249, 247),
    "brown": (138, 86, 50),
    "cream": (246, 218, 162),
}
# Stripes, spots and patches: different enough from the fur to be visible, close enough to keep its colour name true.
MARKING = {
    "orange": (168, 76, 22),
    "grey": (74, 78, 90),
    "black": (152, 148, 154),
    "white": (96, 90, 96),
    "brown": (70, 40, 25),
    "cream": (178, 118, 62),
}
EYES = {"green": (88, 196, 78), "blue": (72, 152, 244), "amber": (255, 188, 24), "brown": (150, 86, 42)}
BACKGROUND = {
    "red": (208, 66, 66),
    "blue": (92, 150, 226),
    "green": (104, 178, 104),
    "yellow": (250, 222, 100),
    "pink": (252, 178, 206),
    "purple": (150, 106, 192),
}
INK, WHITE, SCLERA = (48, 36, 44), (255, 255, 255), (250, 244, 232)
PINK, TONGUE = (242, 140, 152), (238, 92, 112)  # nose and inner ears; tongue
# The faces are aligned, as those of AFHQ are (Choi et al. 2020, https://arxiv.org/abs/1912.01865): no caption
# states the position of the face, so an image generated from a caption can only be sharp if faces are aligned.
FACE_SIZE = (19.5, 21.5)  # range of the half width of a head, pixels
MIDDLE, OFF = (32, 36), 3.0  # mean position of a head (x, y) and largest deviation along each axis, pixels
MAX_TILT = 6  # degrees
LINE = 0.055  # width of an outline, in face units
DARK, BLACK = 330, 200  # sum of the channels below which whiskers are white, and brows too


@dataclass(frozen=True)
class Coat:
    """Colours of one animal, each a random shade of the named colour."""

    fur: Color
    marking: Color
    eyes: Color

    @property
    def muzzle(self) -> Color:
        """Return a pale shade of the fur; cream on white fur, where white would not be visible."""
        pale = mix(self.fur, WHITE, 0.55)
        return mix(pale, FUR["cream"], 0.35) if min(self.fur) > 200 else pale

    @property
    def whiskers(self) -> Color:
        """Return white on dark fur, else the ink colour."""
        return WHITE if sum(self.fur) < DARK else INK

    @property
    def brows(self) -> Color:
        """Return a light shade of black fur, else a dark shade of the fur."""
        return mix(self.fur, WHITE if sum(self.fur) < BLACK else INK, 0.7)


def jitter(color: Color, rng: np.random.Generator) -> Color:
    """Draw a random shade of a colour."""
    shade = np.array(color) * rng.uniform(0.96, 1.04) + rng.uniform(-4, 4, 3)
    red, green, blue = (int(channel) for channel in shade.clip(0, 255))
    return red, green, blue


def draw(attributes: dict[str, str], rng: np.random.Generator) -> Image.Image:
    """Draw the animal with the given attributes; everything else is random.

    Args:
        attributes: a word for every key of `animal_grammar.VALUES`.
        rng: random generator.
    """
    pen = new_pen(jitter(BACKGROUND[attributes["background"]], rng), rng)
    coat = Coat(
        fur=jitter(FUR[attributes["fur"]], rng),
        marking=jitter(MARKING[attributes["fur"]], rng),
        eyes=jitter(EYES[attributes["eyes"]], rng),
    )
    anatomy, side, word = ANATOMY[attributes["species"]], rng.choice([-1, 1]), attributes["ears"]
    patched = side if attributes["pattern"] == "patched" else 0
    ear_size = rng.uniform(0.92, 1.08)
    if word != EAR_IN_FRONT:
        draw_ears(pen, anatomy, coat, word, ear_size, patched)
    draw_head(pen, anatomy, coat, attributes["pattern"], side)
    if word == EAR_IN_FRONT:
        draw_ears(pen, anatomy, coat, word, ear_size, patched)
    draw_eyes, draw_muzzle = FACE[attributes["species"]]
    draw_muzzle(pen, coat, attributes["mouth"] == "tongue out")
    draw_eyes(pen, coat, rng.uniform(0.94, 1.08))
    return pen.finish(rng)


def new_pen(paper: Color, rng: np.random.Generator) -> Pen:
    """Create a pen with a random position, size and tilt for which the whole face fits in the image."""
    size = rng.uniform(*FACE_SIZE)
    scale = size * rng.uniform(0.93, 1.07), size * rng.uniform(0.93, 1.05)
    x, y = np.add(MIDDLE, rng.uniform(-OFF, OFF, 2))
    return Pen(
        paper=paper,
        origin=(x, y),
        scale=scale,
        tilt=np.deg2rad(rng.uniform(-MAX_TILT, MAX_TILT)),
    )


def draw_ears(pen: Pen, anatomy: Anatomy, coat: Coat, word: str, size: float, patched: int) -> None:
    """Draw both ears; the one on the patched side (-1, 1, or 0 for none) has the colour of the marking."""
    for side in (-1, 1):
        color = coat.marking if side == patched else coat.fur
        if word == EAR_IN_FRONT:  # distinguish it from the head behind it
            color = mix(color, WHITE if sum(color) < BLACK else INK, 0.14)
        pen.outlined(flip(anatomy.ear(anatomy.ears[word], size), side), color, INK, LINE)
        if word in anatomy.inner:
            pen.fill(flip(anatomy.ear(anatomy.inner[word], size), side), mix(PINK, color, 0.3))


def draw_head(pen: Pen, anatomy: Anatomy, coat: Coat, pattern: str, side: int) -> None:
    """Draw the head with its pattern and a shadow; spots and patch are mirrored if `side` is -1."""
    pen.outlined(anatomy.head, coat.fur, INK, LINE)
    marked = {
        "plain": [],
        "striped": anatomy.stripes,
        "spotted": [flip(spot, side) for spot in anatomy.spots],
        "patched": [flip(anatomy.patch, side)],
    }
    pen.stain(marked[pattern], anatomy.head, coat.marking)
    pen.shadow(anatomy.head, anatomy.head * 0.98 - [0, 0.07], INK, 0.16)


def cat_eyes(pen: Pen, coat: Coat, size: float) -> None:
    """Draw almond-shaped eyes, slanted up and outwards, with slit pupils."""
    almond = [
        (-0.26, 0.07),
        (-0.14, -0.14),
        (0.08, -0.23),
        (0.26, -0.12),
        (0.21, 0.10),
        (0.02, 0.20),
        (-0.14, 0.17),
    ]
    for side in (-1, 1):
        pen.outlined(flip(smooth(almond) * size + [0.45, -0.02], side), SCLERA, INK, LINE)
        pen.fill(flip(smooth(almond) * 0.82 * size + [0.45, -0.02], side), coat.eyes)
        pen.fill(ellipse(0.45 * side, -0.02, 0.06, 0.17 * size), INK)
        pen.fill(ellipse(0.45 * side + 0.08, -0.11, 0.055, 0.055), WHITE)


def cat_muzzle(pen: Pen, coat: Coat, tongue: bool) -> None:
    """Draw a small pink nose, two round pads, and whiskers."""
    if tongue:
        pen.outlined(smooth([(-0.13, 0.5), (0.13, 0.5), (0.16, 0.76), (0, 0.9), (-0.16, 0.76)]), TONGUE, INK, 0.045)
    pen.fill(ellipse(0, 0.32, 0.10, 0.14), coat.muzzle)
    for side in (-1, 1):
        pen.fill(ellipse(0.17 * side, 0.45, 0.21, 0.15), coat.muzzle)
    for side in (-1, 1):
        pen.stroke(flip([(0, 0.36), (0.02, 0.47), (0.13, 0.54), (0.26, 0.48)], side), INK, 0.05)
        for near, far in ((0.36, 0.22), (0.44, 0.44), (0.52, 0.66)):
            pen.stroke(flip([(0.44, near), (1.32, far)], side), coat.whiskers, 0.032)
    pen.outlined(smooth([(-0.12, 0.27), (0, 0.25), (0.12, 0.27), (0, 0.40)]), PINK, INK, 0.03)


def dog_eyes(pen: Pen, coat: Coat, size: float) -> None:
    """Draw round eyes with round pupils and brows."""
    for side in (-1, 1):
        x, y, r = 0.38 * side, -0.12, 0.20 * size
        pen.fill(ellipse(x, y, r + LINE, r + LINE), INK)
        pen.fill(ellipse(x, y, r, r), SCLERA)
        pen.fill(ellipse(x, y, r - 0.035, r - 0.035), coat.eyes)
        pen.fill(ellipse(x, y, 0.09, 0.09), INK)
        pen.fill(ellipse(x + 0.07, y - 0.07, 0.06, 0.06), WHITE)
        pen.stroke(flip([(0.24, -0.44), (0.40, -0.47), (0.53, -0.40)], side), coat.brows, 0.05)


def dog_muzzle(pen: Pen, coat: Coat, tongue: bool) -> None:
    """Draw a long pale snout under a broad black nose, without whiskers."""
    if tongue:
        pen.outlined(smooth([(-0.17, 0.7), (0.17, 0.7), (0.21, 1.04), (0, 1.22), (-0.21, 1.04)]), TONGUE, INK, 0.05)
        pen.stroke([(0, 0.8), (0, 1.02)], mix(TONGUE, INK, 0.3), 0.04)
    snout = [(0, 0.04), (0.20, 0.12), (0.46, 0.40), (0.50, 0.62), (0.36, 0.78), (0.14, 0.80), (0, 0.74)]
    pen.fill(smooth(mirrored(snout)), coat.muzzle)
    pen.stroke([(0, 0.4), (0, 0.66)], INK, 0.05)
    for side in (-1, 1):
        pen.stroke(flip([(0, 0.66), (0.13, 0.74), (0.29, 0.71), (0.39, 0.60)], side), INK, 0.05)
    pen.fill(smooth([(-0.25, 0.18), (0, 0.12), (0.25, 0.18), (0.20, 0.35), (0, 0.46), (-0.20, 0.35)]), INK)
    pen.fill(ellipse(-0.08, 0.21, 0.08, 0.04), mix(INK, WHITE, 0.6))


FACE = {"cat": (cat_eyes, cat_muzzle), "dog": (dog_eyes, dog_muzzle)}
