"""Identify images by their content, so that an equal picture is decoded once and an overwritten one is seen."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

BATCH = 100  # rows read at a time; encoded, a photograph has up to 20 MB


def image_digests(rows: Dataset) -> np.ndarray:
    """Hash the content of each image: the embedded bytes, or those of the file that the row points to.

    A path alone would not do: a picture that is overwritten in place keeps it. Files are read one after another, a
    file of several rows once.

    Args:
        rows: N samples with a column `image`, encoded.

    Returns:
        (N,) bytes of 16, equal for equal content; those of a file that cannot be read depend on its path.
    """
    files: dict[str, bytes] = {}
    digests = []
    for batch in rows.iter(BATCH):
        for image in batch["image"]:
            digests.append(digest_of(image, files))
    return np.array(digests, dtype="V16")


def digest_of(image: dict[str, Any] | None, files: dict[str, bytes]) -> bytes:
    """Hash one image; `files` {path: digest} holds the files that were read before, and is added to."""
    if image is None or (image["bytes"] is None and not image["path"]):
        return bytes(16)
    if image["bytes"] is not None:
        return hashlib.blake2b(image["bytes"], digest_size=16).digest()
    path = image["path"]
    if path not in files:
        files[path] = file_digest(path)
    return files[path]


def file_digest(path: str) -> bytes:
    """Hash a file's content without holding it in memory; a file that cannot be read gives a hash of its path."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        with Path(path).open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except (OSError, ValueError):  # a path with a null byte is a ValueError
        digest = hashlib.blake2b(path.encode(errors="surrogatepass"), digest_size=16, person=b"unreadable")
    return digest.digest()
