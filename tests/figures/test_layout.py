from itertools import combinations

import numpy as np
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from multimodal.figures.layout import COLORS, PETROFF, class_colors

# Full colour-vision deficiency on linear RGB: Machado et al. 2009, https://doi.org/10.1109/TVCG.2009.113, table 1.
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def perceived(color: str, vision: str) -> np.ndarray:
    """Compute the CIELAB coordinates of a colour under a kind of vision."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ np.array(VISION[vision]).T
    linear = linear.clip(0, 1)
    return rgb2lab(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


def difference(first: str, second: str) -> float:
    """Compute the smallest CIEDE2000 difference of two colours over all kinds of vision."""
    return min(float(deltaE_ciede2000(perceived(first, v), perceived(second, v))) for v in VISION)


def test_ten_classes_are_distinguishable_by_every_kind_of_vision() -> None:
    assert min(difference(a, b) for a, b in combinations(PETROFF, 2)) > 11
    assert min(difference("#185454", other) for other in PETROFF if other != "#185454") > 19


def test_twenty_classes_have_twenty_colours() -> None:
    assert len(set(class_colors(20))) == COLORS == 20
    assert class_colors(21)[20] == class_colors(1)[0]
