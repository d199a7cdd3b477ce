"""What a model reads of a dataset beside pixels and words: subwords, and the features of frozen encoders.

A frozen encoder computes the same features in every epoch and every run, so they are computed once for all runs on the
same inputs, kept in float16 in `cache_dir`, and mapped into memory.
"""

import hashlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor
from tqdm import tqdm

from multimodal.dataset.data import Data, FeatureRows, Split
from multimodal.dataset.near_duplicates import equal_images, key_of
from multimodal.encoder.backbone import KEPT, PretrainedEncoder
from multimodal.io import whole
from multimodal.model import MultimodalModel
from multimodal.paths import expanded
from multimodal.runs.run_id import source_digest

log = logging.getLogger(__name__)

AT_ONCE = 32  # samples that are encoded together


class MappedFeatures:
    """N rows of features in a mapped file; where they are unpickled, the file is mapped again.

    Args:
        path: a .npy file of float16, a row for each distinct input.
        number: (N,) int64, the row of each sample.
    """

    def __init__(self, path: Path, number: np.ndarray) -> None:
        self.path, self.number = path, number
        self.rows = np.load(path, mmap_mode="r")

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Read rows: (n,) int64 -> (n, ...) float16."""
        return torch.from_numpy(np.asarray(self.rows[self.number[rows.numpy()]]))

    def __reduce__(self) -> tuple[type["MappedFeatures"], tuple[Path, np.ndarray]]:
        """Let pickle keep the path and not the content."""
        return MappedFeatures, (self.path, self.number)


@dataclass(frozen=True, eq=False)
class Inputs:
    """The distinct inputs of an encoder in a split.

    Args:
        split: the samples.
        modality: `image` or `text`.
        first: (D,) int64, the first row of each distinct input.
        number: (N,) int64, which of the distinct inputs each row has.
        key: what identifies them.
    """

    split: Split
    modality: str
    first: Tensor
    number: np.ndarray
    key: bytes

    @classmethod
    def of(cls, split: Split, modality: str) -> "Inputs":
        """Find the distinct inputs of a modality."""
        if modality == "image":
            number, key = equal_images(split.image), key_of(split.image)
        else:
            read = split.tokens if split.subwords is None else split.subwords
            number, key = read.unique(dim=0, return_inverse=True)[1].numpy(), read.numpy().tobytes()
        first = np.unique(number, return_index=True)[1]
        return cls(split, modality, torch.from_numpy(first), number, key)

    def parts(self, device: torch.device) -> Iterator[Tensor]:
        """Yield the distinct inputs, some at a time; captions all padded to the same length."""
        raw = replace(self.split, features={})
        for rows in self.first.split(AT_ONCE):
            x = raw.batch(rows, device).inputs[self.modality]
            if self.modality == "text" and raw.subwords is not None:
                x = torch.nn.functional.pad(x, (0, raw.subwords.shape[1] - x.shape[1]))
            yield x


def with_subwords(model: MultimodalModel, data: Data) -> Data:
    """Return data whose captions are subwords as well, if the text encoder has a tokenizer of its own.

    Their fingerprint counts the captions as they are: the tokenizer sees what the vocabulary's words do not tell.
    """
    digest, splits = hashlib.blake2b(data.fingerprint.encode(), digest_size=8), {}
    for name, split in data.splits.items():
        distinct: dict[str, int] = {}  # templated captions repeat: each text is tokenised once
        number = torch.tensor([distinct.setdefault(text, len(distinct)) for text in split.captions], dtype=torch.int64)
        subwords = model.tokenize(list(distinct))
        if subwords is None:
            return data
        splits[name] = replace(split, subwords=subwords[number])
        digest.update("\0".join([name, *split.captions]).encode(errors="surrogatepass"))
    return replace(data, splits=splits, fingerprint=digest.hexdigest())


def with_features(model: MultimodalModel, data: Data, cache_dir: str, device: torch.device) -> Data:
    """Return data with the features of every frozen encoder that computes them once.

    Args:
        model: moved to the device, if it has such an encoder.
        data: of all splits.
        cache_dir: the folder of what is computed once.
        device: computes features that are not kept yet.
    """
    for modality, encoder in model.encoders.items():
        if not isinstance(encoder, PretrainedEncoder) or not encoder.backbone.frozen:
            continue
        if modality == "image":
            log.info("encoder.image.frozen=true: its features are computed once, so images are not augmented")
        splits = {
            name: replace(split, features=split.features | {modality: features_of(encoder, inputs, cache_dir, device)})
            for name, split in data.splits.items()
            for inputs in [Inputs.of(split, modality)]
        }
        data = replace(data, splits=splits)
    return data


def features_of(encoder: PretrainedEncoder, inputs: Inputs, cache_dir: str, device: torch.device) -> FeatureRows:
    """Return features from the cache, computed before where they are not there yet; two processes compute them once."""
    path = expanded(cache_dir) / f"features-{features_key(encoder, inputs)}.npy"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):  # another job of the sweep may be computing the same
            if not is_whole(path, len(inputs.first)):
                write_features(encoder, inputs, path, device)
        return MappedFeatures(path, inputs.number)
    except OSError as error:
        log.warning("features are not kept for other runs: %s cannot be written (%s)", path, error)
        rows = torch.cat(list(computed(encoder, inputs, device)))
        return rows[torch.from_numpy(inputs.number)]


def features_key(encoder: PretrainedEncoder, inputs: Inputs) -> str:
    """Hash what the features depend on: inputs, weights, and the code of encoder, library and this file."""
    target = f"{type(encoder).__module__}.{type(encoder).__qualname__}"
    key = hashlib.sha256(f"{encoder.code} {source_digest(target)} {inputs.modality}".encode())
    key.update(Path(__file__).read_bytes())
    key.update(encoder.backbone.digest.cpu().numpy().tobytes())
    key.update(inputs.key)
    return key.hexdigest()[:32]


def is_whole(path: Path, count: int) -> bool:
    """Return whether a file holds `count` rows of features; a damaged one does not."""
    try:
        rows = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return rows.dtype == np.float16 and len(rows) == count


@torch.no_grad()
def computed(encoder: PretrainedEncoder, inputs: Inputs, device: torch.device) -> Iterator[Tensor]:
    """Yield the features of distinct inputs, some at a time: (n, ...) float16 on the CPU.

    Raises:
        ValueError: a feature is no number, or not finite in float16.
    """
    home = encoder.backbone.digest.device
    encoder.to(device)
    name, batches = f"encoder.{inputs.modality}", -(-len(inputs.first) // AT_ONCE)
    for x in tqdm(inputs.parts(device), desc=f"computing {name}", total=batches, mininterval=1.0, disable=None):
        features = encoder.features(x).to(KEPT).cpu()
        if features.isnan().any():
            raise ValueError(f"{name}: its features are no numbers (NaN); give other weights, or another network")
        if not features.isfinite().all():
            raise ValueError(f"{name}: its features do not fit into float16; set {name}.frozen=false")
        yield features
    encoder.to(home)  # processes of a training move the model themselves


def write_features(encoder: PretrainedEncoder, inputs: Inputs, path: Path, device: torch.device) -> None:
    """Compute features and write them, some at a time, so that they may be larger than memory."""
    start, place, rows = time.perf_counter(), 0, None
    with whole(path) as temporary:
        for part in computed(encoder, inputs, device):
            if rows is None:
                shape = (len(inputs.first), *part.shape[1:])
                rows = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float16, shape=shape)
            rows[place : place + len(part)] = part.numpy()
            place += len(part)
        if rows is not None:
            rows.flush()
    seconds, size = time.perf_counter() - start, path.stat().st_size / 1e6
    log.info("features of %d %ss: computed once in %.1f s, %.0f MB in %s", place, inputs.modality, seconds, size, path)
