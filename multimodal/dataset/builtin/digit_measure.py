"""Stroke, slant and width of a digit, measured on its pixels and put into words.

On 28x28 images of white ink on black (uint8). The cuts between words are fixed numbers, so that a word means
the same in every split and for a generated image.
"""

import numpy as np
from skimage.measure import moments_central
from skimage.morphology import skeletonize

from multimodal.dataset.builtin.digit_grammar import VALUES

# Terciles of the 1,797 digits: each word is as common as the others.
STROKE_CUTS = (3.65, 4.35)  # pixels
WIDTH_CUTS = (0.60, 0.65)  # width / height
# A lean of 0.06 is a pixel over the height of a digit, the least that is seen: 20 % lean left, 23 % right.
SLANT_CUTS = (-0.06, 0.06)  # pixels to the right per pixel upwards

# Shear of the usual shape (median of the class): the bowl of an upright six, low and to the right, alone
# gives -0.21, and would make every six lean left.
USUAL_SHEAR = {
    "zero": -0.03,
    "one": -0.02,
    "two": -0.13,
    "three": -0.08,
    "four": -0.01,
    "five": -0.03,
    "six": -0.21,
    "seven": 0.13,
    "eight": 0.0,
    "nine": -0.10,
}


def stroke_pixels(image: np.ndarray) -> float:
    """Mean stroke width: area of the ink over the length of its skeleton."""
    return image.sum() / 255 / skeletonize(image > 127).sum()


def shear(image: np.ndarray) -> float:
    """Shift to the right per pixel upwards, from the second moments (as MNIST is commonly deskewed)."""
    moments = moments_central(image.astype(float), order=2)
    return -moments[1, 1] / moments[2, 0]


def aspect(image: np.ndarray) -> float:
    """Width over height of the shadows that the ink casts: a bounding box finer than whole pixels."""
    return image.max(axis=0).sum(dtype=float) / image.max(axis=1).sum(dtype=float)


def measure(image: np.ndarray, digit: str) -> dict[str, str]:
    """(28, 28) uint8 -> {stroke, slant, width}; empty without ink to measure, as in a failed generation.

    `digit` is its word: slant is the lean beyond the usual shape of that digit.
    """
    if np.count_nonzero((image > 127).any(axis=1)) < 2:
        return {}
    lean = shear(image) - USUAL_SHEAR[digit]
    return {
        "stroke": VALUES["stroke"][np.digitize(stroke_pixels(image), STROKE_CUTS)],
        "slant": VALUES["slant"][np.digitize(lean, SLANT_CUTS)],
        "width": VALUES["width"][np.digitize(aspect(image), WIDTH_CUTS)],
    }
