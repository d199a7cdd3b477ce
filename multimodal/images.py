"""Images that stay in a file: it is mapped into memory, and only the rows that are asked for are read.

So a dataset may be larger than memory, and the processes of a machine share one copy, the operating system's cache.
"""

import hashlib
import math
import mmap
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

PART = 2**20  # pixel values read at a time by what walks through images


class ImageRows(Protocol):
    """Images (N, C, H, W) uint8 that are read by rows and never whole: a tensor, or what reads them from elsewhere."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (N, C, H, W)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Tensor, /) -> Tensor:
        """Read images: (n,) int64 -> (n, C, H, W) uint8."""


class MappedFile:
    """Maps a file into memory, to be read only; where it is unpickled, it is mapped again.

    Args:
        path: the file; it may be replaced by another one, but must never be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.map = path, None
        if path.stat().st_size:  # nothing can be mapped of an empty file
            with path.open("rb") as file:
                self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.content = np.frombuffer(b"" if self.map is None else self.map, np.uint8)  # (bytes,)

    def release(self) -> None:
        """Give the pages that were read back to the system, which reads them again when they are asked for."""
        if self.map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.map.madvise(mmap.MADV_DONTNEED)

    def __reduce__(self) -> tuple[type["MappedFile"], tuple[Path]]:
        """Let pickle keep the path and not the content."""
        return MappedFile, (self.path,)


@dataclass(frozen=True, eq=False)
class Images:
    """N images in a mapped file; `images[rows]` reads some of them.

    Args:
        file: holds the pixels.
        start: (N,) int64, the byte at which each image begins; the same for equal images.
        size: (C, H, W).
    """

    file: MappedFile
    start: np.ndarray
    size: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (N, C, H, W)."""
        return (len(self), *self.size)

    def __getitem__(self, rows: int | slice | Tensor | np.ndarray | Sequence[int]) -> Tensor:
        """Read images: an int -> (C, H, W) uint8; a slice or n rows -> (n, C, H, W) uint8, in the order asked for."""
        start = np.asarray(self.start[rows.numpy() if isinstance(rows, Tensor) else rows])
        length, content = math.prod(self.size), self.file.content
        pixels = np.empty((start.size, length), np.uint8)
        for row, first in enumerate(start.ravel().tolist()):
            pixels[row] = content[first : first + length]
        return torch.from_numpy(pixels).view(*start.shape, *self.size)

    def take(self, rows: np.ndarray) -> "Images":
        """Return the images at `rows` (n,) int, in that order, without reading them."""
        return replace(self, start=self.start[rows])

    def key(self) -> bytes:
        """Return what identifies the images: the file, whose name depends on its content, and the places in it."""
        return f"{self.file.path.name} {self.size}".encode() + self.start.tobytes()


Pictures = Tensor | Images  # (N, C, H, W) uint8 in memory, or in a file


def images_at_once(image: ImageRows) -> int:
    """Return how many of these images hold about `PART` pixel values."""
    return max(1, PART // math.prod(image.shape[1:]))


def in_parts(image: ImageRows) -> Iterator[Tensor]:
    """Yield all images (N, C, H, W) in order, some at a time: (n, C, H, W)."""
    for rows in torch.arange(len(image)).split(images_at_once(image)):
        yield image[rows]
        if isinstance(image, Images):
            image.file.release()


def write_images(parts: Iterable[Tensor], size: tuple[int, ...], folder: Path) -> Images:
    """Write images to a file whose name is a hash of them, equal images once.

    Args:
        parts: (n, C, H, W) uint8 each.
        size: (C, H, W).
        folder: where the file is written; created if it does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    length, start = math.prod(size), []
    places: dict[bytes, int] = {}  # {hash of an image: where it begins}
    with tempfile.TemporaryDirectory(dir=folder) as incomplete:
        file = Path(incomplete) / "images"
        with file.open("wb") as opened:
            for part in parts:
                for pixels in part.contiguous().numpy():
                    digest = hashlib.blake2b(pixels.data, digest_size=16).digest()
                    if digest not in places:
                        places[digest] = length * len(places)
                        opened.write(pixels.data)
                    start.append(places[digest])
        name = hashlib.blake2b(b"".join(places), digest_size=16).hexdigest()
        path = folder / f"{name}.pixels"
        if not path.exists() or path.stat().st_size != file.stat().st_size:
            file.replace(path)
    return Images(MappedFile(path), np.array(start, dtype=np.int64), size)


def new_images(parts: Iterable[Tensor], image: Pictures) -> Pictures:
    """Return new images, which are kept as others are: written to a file beside theirs, or in memory.

    Args:
        parts: (n, C, H, W) uint8 each.
        image: (N, C, H, W) uint8, what the new ones are made of.
    """
    if isinstance(image, Images):
        return write_images(parts, image.size, image.file.path.parent)
    return torch.cat(list(parts))
