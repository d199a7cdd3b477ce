"""Find equal images, and test images that are nearly in train: by a perceptual hash, then by pixel correlation.

The hash is the 64-bit difference hash (imagehash's `dhash`). Different small drawings, such as digits, often share a
hash, so a pair counts only if its pixels correlate as well.
"""

import hashlib
from pathlib import Path

import datasets
import imagehash
import numpy as np
from PIL import Image
from torch import Tensor

from multimodal.io import read_json, write_json

BITS = 4  # of the 64 bits may differ
CORRELATION = 0.98  # least Pearson correlation over all pixels; a photograph saved again as JPEG has 0.99
CHUNK = 500  # test images compared at once


def equal_images(image: Tensor) -> np.ndarray:
    """Number images in order of first occurrence, equal images equally: (N, C, H, W) uint8 -> (N,) int64.

    Example:
        >>> import torch
        >>> equal_images(torch.tensor([7, 9, 7, 8], dtype=torch.uint8).view(4, 1, 1, 1))
        array([0, 1, 0, 2])
    """
    numbers: dict[bytes, int] = {}
    contents = (hashlib.blake2b(pixels.tobytes(), digest_size=16).digest() for pixels in image.numpy())
    return np.array([numbers.setdefault(content, len(numbers)) for content in contents], dtype=np.int64)


def cached_near_duplicates(train: Tensor, test: Tensor) -> list[dict[str, int]]:
    """Return the pairs of `near_duplicates` as {"test": row, "train": row}, cached with `datasets`.

    They depend on the images alone, so they are computed once for all runs on the same data.
    """
    key = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=16)  # changed code makes the cached result invalid
    for images in (train, test):
        key.update(str(tuple(images.shape)).encode())
        key.update(images.numpy().data)
    file = Path(datasets.config.HF_DATASETS_CACHE) / "multimodal" / f"near-duplicates-{key.hexdigest()}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        pairs = near_duplicates(train, test)
        write_json([{"test": row, "train": nearest} for row, nearest in pairs], file)
    return read_json(file)


def count_near_duplicates(image: dict[str, Tensor]) -> dict[str, int]:
    """Count the images of a split that are nearly in another: {"test_in_train": images}, and for each other pair.

    Args:
        image: {"train", "validation", "test": (N, C, H, W) uint8}.
    """
    pairs = (("test", "train"), ("validation", "train"), ("test", "validation"))
    return {f"{part}_in_{other}": len(cached_near_duplicates(image[other], image[part])) for part, other in pairs}


def near_duplicates(train: Tensor, test: Tensor) -> list[tuple[int, int]]:
    """Find the test images with a near duplicate in train.

    Args:
        train: (N, C, H, W) uint8.
        test: (M, C, H, W) uint8.

    Returns:
        (test row, training row) pairs; the training row is the near duplicate that correlates most.
    """
    train_hashes, test_hashes = hashes(train), hashes(test)
    pairs = []
    for start in range(0, len(test_hashes), CHUNK):
        distance = np.bitwise_count(test_hashes[start : start + CHUNK, None] ^ train_hashes[None])
        close = distance <= BITS
        for i in np.flatnonzero(close.any(axis=1)):
            rows = np.flatnonzero(close[i])
            correlation = correlations(test[start + i], train[rows])
            if correlation.max() >= CORRELATION:
                pairs.append((start + int(i), int(rows[correlation.argmax()])))
    return pairs


def hashes(images: Tensor) -> np.ndarray:
    """Compute difference hashes: (N, C, H, W) uint8 -> (N,) uint64."""
    pictures = images.squeeze(1).numpy() if images.shape[1] == 1 else images.permute(0, 2, 3, 1).numpy()
    bits = [imagehash.dhash(Image.fromarray(picture)).hash.ravel() for picture in pictures]
    return np.packbits(np.array(bits), axis=1).view(np.uint64).ravel()


def correlations(image: Tensor, others: Tensor) -> np.ndarray:
    """Compute Pearson correlations of pixels: (C, H, W), (N, C, H, W) -> (N,).

    Identical images have 1, also if they are constant, where the correlation is undefined.
    """
    x, y = image.flatten().double(), others.flatten(1).double()
    x, y = x - x.mean(), y - y.mean(1, keepdim=True)
    scale = x.norm() * y.norm(dim=1)
    correlation = (y @ x) / scale.clamp(min=1e-9)
    same = (others == image).flatten(1).all(1)
    return correlation.where(~same, correlation.new_ones(())).numpy()
