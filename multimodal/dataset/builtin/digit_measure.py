"""Measure stroke, slant and width of a digit on its pixels, and name them by words.

Images are 28x28, uint8, white ink on black. The thresholds between words are constants, so that a word means the same
in every split and for generated images.
"""

import numpy as np
from skimage.measure import moments_central
from skimage.morphology import skeletonize

from multimodal.dataset.builtin.digit_grammar import VALUES

# Terciles of the 1,797 digits: the words of an attribute are equally common.
STROKE_CUTS = (3.65, 4.35)  # pixels
WIDTH_CUTS = (0.60, 0.65)  # width / height
# A slant of 0.06 is one pixel over the height of a digit, the smallest visible one: 20 % lean left, 23 % right.
SLANT_CUTS = (-0.06, 0.06)  # pixels to the right per pixel upwards

# Median shear of each class: the bowl of an upright six, low and to the right, already gives -0.21, so without
# this correction every six would count as leaning left.
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
    """Compute the mean stroke width in pixels: area of the ink over the length of its skeleton."""
    return image.sum() / 255 / skeletonize(image > 127).sum()


def shear(image: np.ndarray) -> float:
    """Compute the shift to the right per pixel upwards, from second moments as in the usual deskewing of MNIST."""
    moments = moments_central(image.astype(float), order=2)
    return -moments[1, 1] / moments[2, 0]


def aspect(image: np.ndarray) -> float:
    """Compute width over height of the ink, each the sum of its maximum projection: a subpixel bounding box."""
    return image.max(axis=0).sum(dtype=float) / image.max(axis=1).sum(dtype=float)


def measure(image: np.ndarray, digit: str) -> dict[str, str]:
    """Measure a digit and name the results.

    Args:
        image: (28, 28) uint8.
        digit: word for the digit, such as "six"; slant is measured relative to the median shear of that digit.

    Returns:
        {"stroke", "slant", "width": word}; empty if there is too little ink to measure, as in a failed generation, or
        if this is no grey image of a digit.
    """
    if image.ndim != 2 or digit not in USUAL_SHEAR or np.count_nonzero((image > 127).any(axis=1)) < 2:
        return {}
    lean = shear(image) - USUAL_SHEAR[digit]
    return {
        "stroke": VALUES["stroke"][np.digitize(stroke_pixels(image), STROKE_CUTS)],
        "slant": VALUES["slant"][np.digitize(lean, SLANT_CUTS)],
        "width": VALUES["width"][np.digitize(aspect(image), WIDTH_CUTS)],
    }
