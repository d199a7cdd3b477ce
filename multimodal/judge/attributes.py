"""The attribute judge: the rule that the captions were derived from, applied to generated images."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from multimodal.images import ImageRows, images_at_once
from multimodal.metric.attributes import class_attributes


class AttributeJudge:
    """Judges which of the attributes that a caption states an image has.

    Args:
        rule: function from an image, (H, W) or (H, W, 3) uint8, and its class to its attributes, {attribute: word}.
        stated: for each of N captions the attributes that it states, {attribute: word}.
        names: the class of each caption.
        image: (N, C, H, W) uint8, their real images; attributes that the rule finds on none of them do not count, nor
            does the class.
    """

    def __init__(
        self,
        rule: Callable[[np.ndarray, str], dict[str, str]],
        stated: list[dict[str, str]],
        names: list[str],
        image: ImageRows,
    ) -> None:
        self.rule, self.names = rule, names
        parts = torch.arange(len(image)).split(images_at_once(image))
        measured = {name for rows in parts for attributes in self.measure(image[rows], rows) for name in attributes}
        counted = measured - class_attributes(stated, names)
        self.stated = [{name: word for name, word in row.items() if name in counted} for row in stated]

    def measure(self, image: Tensor, rows: Tensor) -> list[dict[str, str]]:
        """Apply the rule to images (n, C, H, W) uint8 of the captions at `rows` (n,)."""
        pixels = image.permute(0, 2, 3, 1).squeeze(-1).numpy()
        return [self.rule(each, self.names[row]) for each, row in zip(pixels, rows.tolist(), strict=True)]

    def judge(self, image: Tensor, rows: Tensor) -> Tensor:
        """Compute the share of the attributes of its caption that each image has.

        Args:
            image: (n, C, H, W) uint8, or float in [0, 1].
            rows: (n,) int64, the caption of each.

        Returns:
            (n,) float64; NaN where the caption states none.
        """
        pixels = (image * 255).round().byte() if image.is_floating_point() else image
        shares = []
        for row, found in zip(rows.tolist(), self.measure(pixels, rows), strict=True):
            stated = self.stated[row].items()
            shares.append(np.mean([found.get(name) == word for name, word in stated]) if stated else np.nan)
        return torch.tensor(shares, dtype=torch.float64)
