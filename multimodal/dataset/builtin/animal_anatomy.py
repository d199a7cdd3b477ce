"""The shapes of a cat's and a dog's face, in the coordinates of `animal_pen`.

Ears and patch are those on the right; the left ones are their mirror images.
"""

from dataclasses import dataclass

import numpy as np

from multimodal.dataset.builtin.animal_pen import Points, bar, ellipse, flip, mirrored, smooth

EAR_IN_FRONT = "folded"  # lies on the head; the other ears stand behind it


@dataclass(frozen=True)
class Anatomy:
    """Fixed shapes of one species: outlines and the areas of the coat's pattern, each (N, 2) in face units.

    Args:
        head: outline of the head.
        ears: outline of the right ear, per ear word.
        inner: the pink inside of the ears that show it.
        root: fixed point of the right ear when its size varies.
        stripes: areas of the marking of striped coats.
        spots: areas of the marking of spotted coats.
        patch: area of the marking of patched coats, around the right eye.
    """

    head: np.ndarray
    ears: dict[str, np.ndarray]
    inner: dict[str, np.ndarray]
    root: tuple[float, float]
    stripes: list[np.ndarray]
    spots: list[np.ndarray]
    patch: np.ndarray

    def ear(self, outline: np.ndarray, size: float) -> np.ndarray:
        """Scale the outline of an ear by `size` around its root."""
        return (outline - self.root) * size + self.root


def curves(outlines: dict[str, Points]) -> dict[str, np.ndarray]:
    """Smooth each outline: {word: points} -> {word: closed curve}."""
    return {word: smooth(points) for word, points in outlines.items()}


def both(bars: list[np.ndarray]) -> list[np.ndarray]:
    """Return the stripes on the right followed by their mirror images."""
    return bars + [flip(points, -1) for points in bars]


def discs(circles: list[tuple[float, float, float]]) -> list[np.ndarray]:
    """Return circular outlines, given (x, y, radius) of each."""
    return [ellipse(x, y, radius, radius) for x, y, radius in circles]


# fmt: off
CAT = Anatomy(
    head=smooth(mirrored([
        (0, -0.76), (0.42, -0.75), (0.84, -0.44), (1.05, 0.08), (0.99, 0.44), (0.64, 0.74), (0.28, 0.86),
        (0, 0.88),
    ])),
    ears=curves({
        "pointed": [
            (0.20, -0.66), (0.48, -1.02), (0.82, -1.34), (0.91, -1.32), (0.99, -0.80), (0.98, -0.10),
            (0.60, -0.30),
        ],
        "round": [
            (0.28, -0.62), (0.38, -1.00), (0.70, -1.20), (1.00, -1.00), (1.08, -0.62), (0.96, -0.16),
            (0.60, -0.30),
        ],
        "folded": [
            (0.28, -0.76), (0.58, -0.97), (0.88, -0.84), (1.04, -0.46), (0.99, -0.20), (0.90, -0.22),
            (0.58, -0.42),
        ],
    }),
    inner=curves({
        "pointed": [(0.42, -0.74), (0.60, -1.00), (0.82, -1.17), (0.88, -0.80), (0.86, -0.40)],
        "round": [(0.46, -0.72), (0.53, -0.94), (0.72, -1.04), (0.91, -0.88), (0.95, -0.60), (0.86, -0.40)],
    }),
    root=(0.62, -0.50),
    stripes=[
        bar((0, -0.98), (0, -0.24), 0.20),
        *both([
            bar((0.28, -0.95), (0.22, -0.36), 0.18),
            bar((1.16, 0.06), (0.72, 0.19), 0.17),
            bar((1.12, 0.42), (0.60, 0.44), 0.17),
        ]),
    ],
    spots=discs([
        (0.02, -0.54, 0.15), (-0.46, -0.50, 0.13), (0.50, -0.47, 0.12), (0.86, 0.20, 0.12),
        (-0.88, 0.12, 0.13),
        (0.64, 0.54, 0.11), (-0.68, 0.52, 0.12), (-0.20, -0.27, 0.09), (0.20, -0.25, 0.08),
    ]),
    patch=smooth([
        (0.16, -0.10), (0.14, -0.44), (0.34, -0.84), (0.90, -0.90), (1.30, -0.20), (1.00, 0.30), (0.58, 0.36),
        (0.28, 0.22),
    ]),
)

DOG = Anatomy(
    head=smooth(mirrored([
        (0, -0.82), (0.42, -0.80), (0.78, -0.52), (0.87, -0.08), (0.78, 0.32), (0.66, 0.66), (0.42, 0.92),
        (0, 1.00),
    ])),
    ears=curves({
        "pointed": [
            (0.24, -0.70), (0.42, -1.06), (0.75, -1.39), (0.83, -1.37), (0.94, -0.94), (0.90, -0.24),
            (0.50, -0.40),
        ],
        "round": [
            (0.30, -0.70), (0.34, -1.12), (0.60, -1.36), (0.88, -1.22), (0.98, -0.80), (0.88, -0.24),
            (0.50, -0.40),
        ],
        "folded": [
            (0.36, -0.84), (0.74, -0.84), (1.04, -0.56), (1.20, 0.00), (1.15, 0.44), (0.96, 0.54),
            (0.80, 0.28),
            (0.74, -0.20), (0.56, -0.54),
        ],
    }),
    inner=curves({
        "pointed": [(0.44, -0.80), (0.57, -1.04), (0.76, -1.19), (0.82, -0.90), (0.80, -0.50)],
        "round": [(0.46, -0.80), (0.48, -1.04), (0.62, -1.20), (0.78, -1.10), (0.84, -0.80), (0.78, -0.50)],
    }),
    root=(0.56, -0.60),
    stripes=[
        bar((0, -1.00), (0, -0.36), 0.20),
        *both([
            bar((0.28, -1.00), (0.22, -0.46), 0.18),
            bar((1.00, 0.10), (0.54, 0.18), 0.17),
            bar((0.94, 0.42), (0.48, 0.42), 0.17),
        ]),
    ],
    spots=discs([
        (0.04, -0.60, 0.15), (-0.42, -0.58, 0.12), (0.48, -0.56, 0.12), (0.72, 0.18, 0.11),
        (-0.72, 0.10, 0.12),
        (0.60, 0.50, 0.10), (-0.62, 0.44, 0.11), (-0.06, -0.26, 0.09), (-0.78, -0.22, 0.09),
    ]),
    patch=smooth([
        (0.10, -0.20), (0.10, -0.50), (0.30, -0.86), (0.90, -0.90), (1.20, -0.20), (0.90, 0.22), (0.50, 0.22),
        (0.22, 0.06),
    ]),
)
# fmt: on

ANATOMY = {"cat": CAT, "dog": DOG}
