"""Bring images of more than 8 bits to 8 bits by one scale for all images of the data.

Pillow gives 1 to 8 bits a channel (modes 1, L, P, RGB, CMYK and so on) as values of 0 to 255: they stay as they are.
The modes of more bits, 16-bit grey (I;16) and colour (RGB;16), whole numbers of 32 bits (I) and floats (F), do not say
which value is white. The smallest and the largest value of all images of a mode, in every split that is read, decide;
one dark image is therefore not made brighter than the others.

| largest value | white |
|---|---|
| whole numbers up to 65535 | the largest of the fewest bits that hold it: 255, 1023, 4095, 16383 or 65535 |
| floats up to 1.1 | 1 |
| floats from a quarter of 255 or of 65535 to 1.1 times that | 255 or 65535 |
| any other | the largest value itself |

Black is 0 if no value is negative. A float may overshoot black and white by a tenth, as resampling leaves it, and is
clipped. Floats from -1.1 to 1.1 have black at -1. Any other negative data has the smallest value as black and the
largest as white.
"""

import numpy as np

WHOLE_WHITES = (255, 1023, 4095, 16383, 65535)
FLOAT_WHITES = (1, 255, 65535)
OVERSHOOT = 0.1  # share of white


def black_and_white(mode: str, low: float, high: float) -> tuple[float, float]:
    """Return the values that are black and white.

    Args:
        mode: Pillow's mode, F for floats.
        low: smallest value of all images of this mode.
        high: largest value.

    >>> black_and_white("I;16", 0, 4001)
    (0, 4095)
    >>> black_and_white("F", -0.98, 1.0)
    (-1, 1)
    """
    if mode == "F":
        fitting = [white for white in FLOAT_WHITES if white == 1 or high >= white / 4]
        white = next((white for white in fitting if high <= white * (1 + OVERSHOOT)), high)
        if low >= -OVERSHOOT * white:
            return 0, white
        if white == 1 and low >= -1 - OVERSHOOT:
            return -1, 1
    else:
        white = next((white for white in WHOLE_WHITES if high <= white), high)
        if low >= 0:
            return 0, white
    return low, high if high > low else low + 1


def to_8_bits(values: np.ndarray, black: float, white: float) -> np.ndarray:
    """Scale linearly: black becomes 0, white 255, what lies outside is clipped; (...) float32 to uint8."""
    scaled = (values.astype(np.float64) - black) * (255 / (white - black))
    return np.rint(scaled.clip(0, 255)).astype(np.uint8)
