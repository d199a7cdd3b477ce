"""A pen for smooth outlined shapes in face coordinates, and the light that falls on the finished picture.

Face coordinates: the head's middle is (0, 0), its half width about 1, x to the right, y down. Each pen has
its own origin, scale and tilt, so the shapes that it draws know nothing of position, size and proportions.
"""

import numpy as np
from PIL import Image, ImageChops, ImageDraw

SIZE = 64  # pixels of the finished picture
OVERSAMPLE = 4  # drawn larger, then averaged down, so that edges are smooth
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
    """The closed Catmull-Rom curve through the points, (N, 2) -> (N * STEPS, 2)."""
    p = np.asarray(points, dtype=float)
    around = np.stack([np.roll(p, shift, axis=0) for shift in (1, 0, -1, -2)])  # (4, N, 2)
    return np.einsum("ks,knd->nsd", _CATMULL_ROM, around).reshape(-1, 2)


def mirrored(half: Points) -> np.ndarray:
    """A closed outline from its right half, which runs from the top middle to the bottom middle."""
    right = np.asarray(half, dtype=float)
    return np.concatenate([right, right[-2:0:-1] * [-1, 1]])


def flip(points: Points, side: int) -> np.ndarray:
    """Points given for the right: as they are (side 1), or mirrored to the left (side -1)."""
    return np.asarray(points, dtype=float) * [side, 1]


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    return _CIRCLE * [rx, ry] + [x, y]


def bar(start: tuple[float, float], tip: tuple[float, float], width: float) -> np.ndarray:
    """A stripe that tapers to its tip."""
    a, d = np.array(start), np.subtract(tip, start)
    across = np.array([-d[1], d[0]]) / np.hypot(*d) * width / 2
    belly = a + 0.55 * d
    return np.array([a + across, belly + 0.75 * across, tip, belly - 0.75 * across, a - across])


def mix(a: Color, b: Color, share: float) -> Color:
    """The colour between a (share 0) and b (share 1)."""
    return tuple(round(u + (v - u) * share) for u, v in zip(a, b, strict=True))


class Pen:
    """Draws in face coordinates on a canvas that is OVERSAMPLE times larger than the picture.

    Args:
        paper: the background's colour.
        origin: x and y of the head's middle, in pixels of the finished picture.
        scale: pixels of the finished picture per face unit, along x and along y.
        tilt: of the head, in radians.
    """

    def __init__(self, paper: Color, origin: tuple[float, float], scale: tuple[float, float], tilt: float) -> None:
        self.image = Image.new("RGB", (SIZE * OVERSAMPLE, SIZE * OVERSAMPLE), paper)
        self.draw = ImageDraw.Draw(self.image)
        self.unit = OVERSAMPLE * float(np.mean(scale))  # canvas pixels per face unit, for widths
        self.origin = OVERSAMPLE * np.array(origin)
        c, s = np.cos(tilt), np.sin(tilt)
        self.matrix = OVERSAMPLE * np.diag(scale) @ np.array([[c, s], [-s, c]])

    def place(self, points: Points) -> list[tuple[float, float]]:
        """Face coordinates -> canvas pixels."""
        return list(map(tuple, (np.asarray(points) @ self.matrix + self.origin).tolist()))

    def fill(self, points: Points, color: Color) -> None:
        self.draw.polygon(self.place(points), fill=color)

    def outlined(self, points: Points, color: Color, ink: Color, width: float) -> None:
        """A filled shape with a line around it, outside the points."""
        p = self.place(points)
        line = max(1, round(2 * width * self.unit))  # the inner half is covered by the fill
        self.draw.line([*p, p[0], p[1]], fill=ink, width=line, joint="curve")
        self.draw.polygon(p, fill=color)

    def stroke(self, points: Points, color: Color, width: float) -> None:
        """An open line with round joints and ends."""
        p, line = self.place(points), max(1, round(width * self.unit))
        self.draw.line(p, fill=color, width=line, joint="curve")
        for end in (p[0], p[-1]):
            self.draw.circle(end, line / 2 - 0.5, fill=color)

    def mask(self, shapes: list[Points]) -> Image.Image:
        """The area that the shapes cover together."""
        mask = Image.new("L", self.image.size)
        draw = ImageDraw.Draw(mask)
        for points in shapes:
            draw.polygon(self.place(points), fill=255)
        return mask

    def stain(self, shapes: list[Points], within: Points, color: Color) -> None:
        """Colours the shapes where they lie inside the outline `within`."""
        self.image.paste(color, mask=ImageChops.multiply(self.mask(shapes), self.mask([within])))

    def shadow(self, within: Points, lifted: Points, color: Color, strength: float) -> None:
        """Darkens what lies inside `within` but not inside `lifted`; strength in 0 ... 1."""
        rim = ImageChops.subtract(self.mask([within]), self.mask([lifted]))
        self.image.paste(color, mask=rim.point(lambda covered: covered * strength))

    def finish(self, rng: np.random.Generator) -> Image.Image:
        """The picture at its final size, under light that fades to one side, with grey sensor noise."""
        pixels = np.asarray(self.image.reduce(OVERSAMPLE), dtype=np.float32)  # (H, W, C)
        turn, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.01, 0.08)
        x = np.linspace(-1, 1, SIZE)
        light = 1 + strength * (np.cos(turn) * x + np.sin(turn) * x[:, None])  # (H, W)
        noise = rng.normal(0, rng.uniform(0.3, 1.8), (SIZE, SIZE))
        return Image.fromarray((pixels * light[..., None] + noise[..., None]).clip(0, 255).astype(np.uint8))
