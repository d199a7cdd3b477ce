"""Find equal images, and images of a split that are nearly in another: by a perceptual hash, then by correlation.

The hash is the 64-bit difference hash (imagehash's `dhash`). Different small drawings, such as digits, often share a
hash, so a pair counts only if its pixels correlate as well. No hash is compared with all others: of the bands that the
64 bits are divided into, two hashes that differ in few bits have some in common (the pigeonhole principle).
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import datasets
import imagehash
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from multimodal.images import PART, Images, Pictures, in_parts
from multimodal.io import read_json, write_json

Ints = NDArray[np.int64]

BITS = 4  # of the 64 bits may differ
BANDS = BITS + 2  # of the 64 bits: so two bands at least are equal in both hashes
CORRELATION = 0.98  # least Pearson correlation over all pixels; a photograph saved again as JPEG has 0.99
ROUNDING = 1e-3  # of a correlation in float32
GRID = 8  # blocks along each side of a coarse picture
PAIRS = 2**18  # pairs compared at once
COMPARED = (("test", "train"), ("validation", "train"), ("test", "validation"))


def equal_images(image: Pictures) -> Ints:
    """Number images in order of first occurrence, equal images equally: (N, C, H, W) uint8 -> (N,) int64.

    Example:
        >>> import torch
        >>> equal_images(torch.tensor([7, 9, 7, 8], dtype=torch.uint8).view(4, 1, 1, 1))
        array([0, 1, 0, 2])
    """
    if isinstance(image, Images):
        contents = image.start
    else:
        digests = [hashlib.blake2b(pixels.tobytes(), digest_size=16).digest() for pixels in image.numpy()]
        contents = np.array(digests, dtype="V16")
    _, first, inverse = np.unique(contents, return_index=True, return_inverse=True)
    return first.argsort().argsort()[inverse]


def cached_near_duplicates(image: dict[str, Pictures]) -> dict[str, list[dict[str, int]]]:
    """Return the pairs of `near_duplicates` of each two splits, cached with `datasets`.

    They depend on the images alone, so they are computed once for all runs on the same data.

    Args:
        image: {"train", "validation", "test": (N, C, H, W) uint8}.

    Returns:
        {"test_in_train": [{"test": row, "train": row}, ...]}, and the same for each other two splits.
    """
    key = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=16)  # changed code makes the cached result invalid
    for split in sorted(image):
        key.update(key_of(image[split]))
    file = Path(datasets.config.HF_DATASETS_CACHE) / "multimodal" / f"near-duplicates-{key.hexdigest()}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        sketches = {split: Sketches.of(pictures) for split, pictures in image.items()}
        pairs = {
            f"{part}_in_{other}": [{part: row, other: near} for row, near in nearest(sketches[other], sketches[part])]
            for part, other in COMPARED
        }
        write_json(pairs, file)
    return read_json(file)


def key_of(image: Pictures) -> bytes:
    """Return what identifies images: their places in a file, which is named by its content, or a hash of them."""
    if isinstance(image, Images):
        return image.key()
    digest = hashlib.blake2b(str(tuple(image.shape)).encode(), digest_size=16)
    digest.update(image.numpy().data)
    return digest.digest()


def near_duplicates(train: Pictures, test: Pictures) -> list[tuple[int, int]]:
    """Find the test images with a near duplicate in train.

    Args:
        train: (N, C, H, W) uint8.
        test: (M, C, H, W) uint8.

    Returns:
        (test row, training row) pairs; the training row is the near duplicate that correlates most, the first of those.
    """
    return nearest(Sketches.of(train), Sketches.of(test))


@dataclass(frozen=True)
class Sketches:
    """The D distinct images among N, with what is compared before their pixels are; in the order of their hashes.

    Args:
        image: (N, C, H, W) uint8.
        number: (N,) int64, which of the distinct images each row shows.
        first: (D,) int64, the first row that shows each of them.
        value: (H,) uint64, the different hashes, ascending.
        low: (H,) int64, the first image of each hash.
        count: (H,) int64, how many images have it.
        coarse: (D, G) float32, see `coarse`.
    """

    image: Pictures
    number: Ints
    first: Ints
    value: NDArray[np.uint64]
    low: Ints
    count: Ints
    coarse: NDArray[np.float32]

    @classmethod
    def of(cls, image: Pictures) -> "Sketches":
        """Sketch images, (N, C, H, W) uint8."""
        number = equal_images(image)
        first = np.unique(number, return_index=True)[1]
        distinct = image.take(first) if isinstance(image, Images) else image[torch.from_numpy(first)]
        blocks = image.shape[1] * math.prod(len(borders(side)) - 1 for side in image.shape[2:])
        values, small, begin = np.empty(len(first), np.uint64), np.empty((len(first), blocks), np.float32), 0
        for part in in_parts(distinct):
            rows = slice(begin, begin := begin + len(part))
            values[rows], small[rows] = hashes(part), coarse(part)
        order = values.argsort(kind="stable")
        value, low, count = np.unique(values[order], return_index=True, return_counts=True)
        return cls(image, order.argsort()[number], first[order], value, low, count, small[order])


def nearest(train: Sketches, test: Sketches) -> list[tuple[int, int]]:
    """Find the near duplicates of `near_duplicates`, from what is sketched of the images."""
    best = np.full(len(test.first), CORRELATION)
    row = np.full(len(test.first), len(train.number))  # of train; none yet
    for i, j in likely_pairs(test, train):
        correlation = correlations(test.image, test.first[i], train.image, train.first[j])
        order = np.lexsort((train.first[j], -correlation, i))
        order = order[np.unique(i[order], return_index=True)[1]]  # the best of each test image
        i, near, correlation = i[order], train.first[j[order]], correlation[order]
        better = (correlation > best[i]) | ((correlation == best[i]) & (near < row[i]))
        best[i[better]], row[i[better]] = correlation[better], near[better]
    found = np.flatnonzero(row[test.number] < len(train.number))
    return list(zip(found.tolist(), row[test.number[found]].tolist(), strict=True))


def likely_pairs(left: Sketches, right: Sketches) -> Iterator[tuple[Ints, Ints]]:
    """Yield the pairs of images whose hashes are close and whose coarse pictures allow for `CORRELATION`.

    Each pair comes once, as two arrays (n,) of numbers of distinct images.
    """
    for h, k in close_pairs(left.value, right.value):
        for pair, i in ranges(left.low[h], left.count[h]):
            for place, j in ranges(right.low[k[pair]], right.count[k[pair]]):
                distance = ((left.coarse[i[place]] - right.coarse[j]) ** 2).sum(1)
                likely = 1 - distance / 2 >= CORRELATION - ROUNDING
                if likely.any():
                    yield i[place][likely], j[likely]


def close_pairs(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> Iterator[tuple[Ints, Ints]]:
    """Yield the pairs of hashes that differ in at most `BITS` bits, each once.

    Args:
        left: (n,).
        right: (m,).

    Yields:
        Two arrays (p,) of places in `left` and `right`.
    """
    edges = np.linspace(0, 64, BANDS + 1).astype(int).tolist()
    bands = [2**end - 2**begin for begin, end in pairwise(edges)]
    masks = [np.uint64(one | other) for one, other in combinations(bands, 2)]
    for number, mask in enumerate(masks):
        order = (right & mask).argsort()
        keys = (right & mask)[order]
        low, high = np.searchsorted(keys, left & mask), np.searchsorted(keys, left & mask, "right")
        for i, place in ranges(low, high - low):
            j = order[place]
            close = np.bitwise_count(left[i] ^ right[j]) <= BITS
            i, j = i[close], j[close]
            differing = left[i] ^ right[j]
            new = np.ones(len(i), bool)  # not found by the bands before
            for earlier in masks[:number]:
                new &= (differing & earlier) != 0
            yield i[new], j[new]


def ranges(low: Ints, count: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield each range's number with each place in it, about `PAIRS` of them at once.

    Args:
        low: (n,) first place of each range.
        count: (n,) places in it.

    Example:
        >>> [(number.tolist(), place.tolist()) for number, place in ranges(np.array([5, 9]), np.array([2, 1]))]
        [([0, 0, 1], [5, 6, 9])]
    """
    total = count.cumsum()
    numbers = np.arange(len(low))
    for part in np.split(numbers, np.searchsorted(total, np.arange(PAIRS, total[-1:].sum(), PAIRS))):
        number = np.repeat(part, count[part])
        if len(number):
            within = np.arange(len(number)) - np.repeat((total - count)[part] - (total - count)[part[0]], count[part])
            yield number, low[number] + within


def hashes(images: Tensor) -> NDArray[np.uint64]:
    """Compute difference hashes: (N, C, H, W) uint8 -> (N,) uint64."""
    pictures = images.squeeze(1).numpy() if images.shape[1] == 1 else images.permute(0, 2, 3, 1).numpy()
    bits = [imagehash.dhash(Image.fromarray(picture)).hash.ravel() for picture in pictures]
    return np.packbits(np.array(bits), axis=1).view(np.uint64).ravel()


def coarse(images: Tensor) -> NDArray[np.float32]:
    """Compute coordinates of the standardised pixels, the blocks of a coarse picture: (N, C, H, W) -> (N, G).

    The blocks are orthonormal, so no two images are nearer to each other than in these coordinates: the distance d of
    standardised images is at least that of the blocks, and their correlation is 1 - d^2 / 2.
    """
    sides = [borders(side) for side in images.shape[2:]]
    pixels = standardised(images, torch.float32).view(images.shape).numpy()
    blocks = np.add.reduceat(np.add.reduceat(pixels, sides[0][:-1], axis=2), sides[1][:-1], axis=3)
    area = np.diff(sides[0])[:, None] * np.diff(sides[1])
    small: NDArray[np.float32] = (blocks / np.sqrt(area, dtype=np.float32)).reshape(len(images), -1)
    return small


def borders(side: int) -> Ints:
    """Return where the blocks of a coarse picture begin, and the last one ends, on a side of so many pixels."""
    return np.unique(np.linspace(0, side, GRID + 1).astype(np.int64))


def standardised(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Subtract each image's mean and divide by its norm, 0 if constant: (N, C, H, W) -> (N, C * H * W)."""
    pixels = images.flatten(1).to(dtype)
    pixels -= pixels.mean(1, keepdim=True)
    pixels /= pixels.norm(dim=1, keepdim=True).clamp(min=1e-9)
    return pixels


def correlations(one: Pictures, rows: Ints, other: Pictures, other_rows: Ints) -> NDArray[np.float64]:
    """Compute Pearson correlations of the pixels of pairs of images.

    Identical images have 1, also if they are constant, where the correlation is undefined.

    Args:
        one: (N, C, H, W) uint8.
        rows: (n,) int64, the first image of each pair.
        other: (M, C, H, W) uint8.
        other_rows: (n,) int64, the second one.

    Returns:
        (n,) in [-1, 1].
    """
    found, size = np.empty(len(rows)), max(1, PART // 8 // math.prod(one.shape[1:]))
    for part in np.split(np.arange(len(rows)), range(size, len(rows), size)):
        x, y = one[torch.from_numpy(rows[part])], other[torch.from_numpy(other_rows[part])]
        correlation = (standardised(x, torch.float64) * standardised(y, torch.float64)).sum(1)
        correlation[(x == y).flatten(1).all(1)] = 1
        found[part] = correlation.numpy()
    return found
