"""Augmentation: training images moved a little, so that the model cannot learn them by heart.

What an image shows must stay true to its caption, so each dataset says what it can bear: mirrored digits are
no digits, and a slant that a caption names allows for a few degrees only.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from multimodal.checks import check_flag, check_number


class Augment:
    """Draws a shift, a rotation, a scale and a reflection for each image.

    Args:
        shift: pixels at most, along each axis.
        rotation: degrees at most, either way.
        scale: share of the size at most, larger or smaller.
        flip: whether half of the images are mirrored, left to right.
    """

    def __init__(self, shift: float, rotation: float, scale: float, flip: bool) -> None:
        check_number("dataset.augment", least=0, shift=shift, rotation=rotation)
        check_number("dataset.augment", least=0, below=1, scale=scale)
        check_flag("dataset.augment", flip=flip)
        self.shift, self.rotation, self.scale, self.flip = shift, rotation, scale, flip

    def draw(self, size: int, generator: torch.Generator) -> Tensor:
        """(size, 5) in [0, 1): what becomes of each of `size` images."""
        return torch.rand(size, 5, generator=generator)

    def __call__(self, image: Tensor, draws: Tensor) -> Tensor:
        """(B, C, H, W), (B, 5) from `draw` -> the same shape; edges are continued outwards."""
        draws = draws.to(image.device)
        if self.flip:
            image = torch.where(draws[:, 4, None, None, None] < 0.5, image.flip(3), image)
        if not (self.shift or self.rotation or self.scale):
            return image
        angle, scale, *shift = (2 * draws[:, :4] - 1).unbind(1)
        angle, scale = angle * math.radians(self.rotation), 1 + self.scale * scale
        down, right = (s * self.shift * 2 / size for s, size in zip(shift, image.shape[2:], strict=True))
        rows = [scale * angle.cos(), -scale * angle.sin(), right, scale * angle.sin(), scale * angle.cos(), down]
        grid = affine_grid(torch.stack(rows, dim=1).view(-1, 2, 3), list(image.shape), align_corners=False)
        moved = grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False)
        return moved.clamp(0, 1)  # bilinear would blur what the model learns to draw
