"""Augmentation: small random shifts, rotations, scales and flips of training images, against overfitting.

The caption must stay true, so each dataset sets its own limits: mirrored digits are not digits, and a caption that
names the slant allows rotations of a few degrees only.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from multimodal.checks import check_flag, check_number


class Augment:
    """Applies a random shift, rotation, scale and flip to each image.

    Args:
        shift: largest shift along each axis, as a share of the size: 3 pixels of 64 and 1.3 of 28 are the same picture.
        rotation: largest rotation in either direction, degrees.
        scale: largest change of size, as a share of the size.
        flip: whether half of the images are mirrored, left to right.

    Raises:
        ValueError: a setting is out of range or of the wrong type.
    """

    def __init__(self, shift: float, rotation: float, scale: float, flip: bool) -> None:
        check_number("dataset.augment", least=0, rotation=rotation)
        check_number("dataset.augment", least=0, below=1, shift=shift, scale=scale)
        check_flag("dataset.augment", flip=flip)
        self.shift, self.rotation, self.scale, self.flip = shift, rotation, scale, flip

    def without_flip(self) -> "Augment":
        """Return the same augmentation without mirrored images."""
        return Augment(self.shift, self.rotation, self.scale, flip=False)

    def draw(self, size: int, generator: torch.Generator) -> Tensor:
        """Draw random parameters for `size` images: (size, 5) in [0, 1)."""
        return torch.rand(size, 5, generator=generator)

    def __call__(self, image: Tensor, draws: Tensor) -> Tensor:
        """Transform images: (B, C, H, W), (B, 5) from `draw` -> (B, C, H, W); edge pixels are repeated outwards."""
        draws = draws.to(image.device)
        if self.flip:
            image = torch.where(draws[:, 4, None, None, None] < 0.5, image.flip(3), image)
        if not (self.shift or self.rotation or self.scale):
            return image
        angle, scale, down, right = (2 * draws[:, :4] - 1).unbind(1)
        angle, scale = angle * math.radians(self.rotation), 1 + self.scale * scale
        down, right = down * self.shift * 2, right * self.shift * 2  # an image goes from -1 to 1
        rows = [scale * angle.cos(), -scale * angle.sin(), right, scale * angle.sin(), scale * angle.cos(), down]
        grid = affine_grid(torch.stack(rows, dim=1).view(-1, 2, 3), list(image.shape), align_corners=False)
        transformed = grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False)
        return transformed.clamp(0, 1)  # bicubic: bilinear would blur the images that the model learns to generate
