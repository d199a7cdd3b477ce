"""Images that are put together from others without a copy of them; the rows that are asked for are copied."""

from dataclasses import dataclass

import torch
from torch import Tensor

from multimodal.images import ImageRows


@dataclass(frozen=True)
class Repeated:
    """Images of which one may stand in several rows.

    Args:
        image: (M, C, H, W) uint8.
        number: (N,) int64, which of them stands in each row.
    """

    image: ImageRows
    number: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (N, C, H, W)."""
        return (len(self), *self.image.shape[1:])

    def __len__(self) -> int:
        return len(self.number)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Read images: (n,) int64 -> (n, C, H, W) uint8."""
        return self.image[self.number[rows]]


@dataclass(frozen=True)
class Joined:
    """Images of several sources, one source after the other.

    Args:
        parts: (M, C, H, W) uint8 each.
    """

    parts: tuple[ImageRows, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (N, C, H, W)."""
        return (len(self), *self.parts[0].shape[1:])

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Read images: (n,) int64 -> (n, C, H, W) uint8."""
        image, start = torch.empty(len(rows), *self.shape[1:], dtype=torch.uint8), 0
        for part in self.parts:
            own = (rows >= start) & (rows < start + len(part))
            image[own] = part[rows[own] - start]
            start += len(part)
        return image
