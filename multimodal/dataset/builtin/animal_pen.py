"""Draw smooth outlined shapes in face coordinates, then add light and noise.

Face coordinates: the middle of the head is (0, 0) and its half width about 1; x points right, y down. Origin, scale
and tilt belong to the pen, so shapes do not depend on position, size and proportions.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw

SIZE = 64  # height and width of the image, pixels
OVERSAMPLE = 4  # the canvas is this many times larger and averaged down, so that edges are smooth
STEPS = 6  # line segments between two points of a curve

Color = tuple[int, int, int]
Points = np.ndarray | list[tuple[float, float]]  # (N, 2)

_T = np.arange(STEPS) / STEPS
_CATMULL_ROM = 0.5 * np.stack(
    [-_T + 2 * _T**2 - _T**3, 2 - 5 * _T**2 + 3 * _T**3, _T + 4 * _T**2 - 3 * _T**3, -(_T**2) + _T**3]
)  # (4, STEPS): the weights of the points before, at, after and two after
_TURN = 2 * np.pi * np.arange(28) / 28
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


def smooth(points: Points) -> np.ndarray:
    """Compute the closed Catmull-Rom curve through the points: (N, 2) -> (N * STEPS, 2)."""
    p = np.asarray(points, dtype=float)
    around = np.stack([np.roll(p, shift, axis=0) for shift in (1, 0, -1, -2)])  # (4, N, 2)
    return np.einsum("ks,knd->nsd", _CATMULL_ROM, around).reshape(-1, 2)


def mirrored(half: Points) -> np.ndarray:
    """Complete a symmetric outline from its right half, which runs from the top middle to the bottom middle."""
    right = np.asarray(half, dtype=float)
    return np.concatenate([right, right[-2:0:-1] * [-1, 1]])


def flip(points: Points, side: int) -> np.ndarray:
    """Return points of the right side as they are (side 1) or mirrored to the left (side -1)."""
    return np.asarray(points, dtype=float) * [side, 1]


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """Return the outline (28, 2) of an ellipse with centre (x, y) and radii rx and ry."""
    return _CIRCLE * [rx, ry] + [x, y]


def bar(start: tuple[float, float], tip: tuple[float, float], width: float) -> np.ndarray:
    """Return the outline (5, 2) of a stripe that tapers from `start` to `tip`."""
    a, d = np.array(start), np.subtract(tip, start)
    across = np.array([-d[1], d[0]]) / np.hypot(*d) * width / 2
    belly = a + 0.55 * d
    return np.array([a + across, belly + 0.75 * across, tip, belly - 0.75 * across, a - across])


def mix(a: Color, b: Color, share: float) -> Color:
    """Interpolate between colours a (share 0) and b (share 1)."""
    red, green, blue = (round(u + (v - u) * share) for u, v in zip(a, b, strict=True))
    return red, green, blue


class Pen:
    """Draws in face coordinates on a canvas that is OVERSAMPLE times larger than the image.

    Args:
        paper: colour of the background.
        origin: x and y of the middle of the head, image pixels.
        scale: image pixels per face unit, along x and y.
        tilt: rotation of the head, radians.
    """

    def __init__(self, paper: Color, origin: tuple[float, float], scale: tuple[float, float], tilt: float) -> None:
        self.image = Image.new("RGB", (SIZE * OVERSAMPLE, SIZE * OVERSAMPLE), paper)
        self.draw = ImageDraw.Draw(self.image)
        self.unit = OVERSAMPLE * float(np.mean(scale))  # canvas pixels per face unit, for widths
        self.origin = OVERSAMPLE * np.array(origin)
        c, s = np.cos(tilt), np.sin(tilt)
        self.matrix = OVERSAMPLE * np.diag(scale) @ np.array([[c, s], [-s, c]])

    def place(self, points: Points) -> list[tuple[float, float]]:
        """Convert face coordinates (N, 2) to canvas pixels."""
        return [(x, y) for x, y in (np.asarray(points) @ self.matrix + self.origin).tolist()]

    def fill(self, points: Points, color: Color) -> None:
        """Fill a polygon."""
        self.draw.polygon(self.place(points), fill=color)

    def outlined(self, points: Points, color: Color, ink: Color, width: float) -> None:
        """Fill a polygon and draw a line of `width` face units around it, outside its points."""
        p = self.place(points)
        line = max(1, round(2 * width * self.unit))  # the inner half is covered by the fill
        self.draw.line([*p, p[0], p[1]], fill=ink, width=line, joint="curve")
        self.draw.polygon(p, fill=color)

    def stroke(self, points: Points, color: Color, width: float) -> None:
        """Draw an open line of `width` face units with round joints and ends."""
        p, line = self.place(points), max(1, round(width * self.unit))
        self.draw.line(p, fill=color, width=line, joint="curve")
        for end in (p[0], p[-1]):
            self.draw.circle(end, line / 2 - 0.5, fill=color)

    def mask(self, shapes: Sequence[Points]) -> Image.Image:
        """Return a mask of the area that the shapes cover: 255 inside, 0 outside."""
        mask = Image.new("L", self.image.size)
        draw = ImageDraw.Draw(mask)
        for points in shapes:
            draw.polygon(self.place(points), fill=255)
        return mask

    def stain(self, shapes: Sequence[Points], within: Points, color: Color) -> None:
        """Fill the parts of the shapes that lie inside the outline `within`."""
        self.image.paste(color, mask=ImageChops.multiply(self.mask(shapes), self.mask([within])))

    def shadow(self, within: Points, lifted: Points, color: Color, strength: float) -> None:
        """Blend `color` into the area inside `within` but outside `lifted`, with a strength from 0 to 1."""
        rim = ImageChops.subtract(self.mask([within]), self.mask([lifted]))
        self.image.paste(color, mask=rim.point(lambda covered: covered * strength))

    def finish(self, rng: np.random.Generator) -> Image.Image:
        """Return the image at its final size, with a random light gradient and grey noise."""
        pixels = np.asarray(self.image.reduce(OVERSAMPLE), dtype=np.float32)  # (H, W, C)
        turn, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.01, 0.08)
        x = np.linspace(-1, 1, SIZE)
        light = 1 + strength * (np.cos(turn) * x + np.sin(turn) * x[:, None])  # (H, W)
        noise = rng.normal(0, rng.uniform(0.3, 1.8), (SIZE, SIZE))
        return Image.fromarray((pixels * light[..., None] + noise[..., None]).clip(0, 255).astype(np.uint8))
