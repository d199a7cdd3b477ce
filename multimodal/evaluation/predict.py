"""Predictions for every test sample, with both modalities and with each alone."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.model import MultimodalModel
from multimodal.types import CONDITIONS, PAD


@dataclass(frozen=True)
class Predictions:
    """Holds the outputs to measure and display, on the CPU; conditions are `both`, `image` and `text`.

    Args:
        probability: {condition: (N, K) class probabilities}.
        image: {condition: (N, C, H, W) uint8 generated images}, rounded as a saved picture is, and mapped from a
            temporary file: they may be larger than memory. Empty for a model without an image head.
        caption: {condition: (N, T) int64, decoded greedily}; empty for a model without a text head.
        joint: {condition: (N, D) joint representations}.
        encoded: {modality: (N, D) pooled embeddings of its encoder}.
    """

    probability: dict[str, Tensor]
    image: dict[str, Tensor]
    caption: dict[str, Tensor]
    joint: dict[str, Tensor]
    encoded: dict[str, Tensor]


@torch.no_grad()
def predict(model: MultimodalModel, split: Split, batch_size: int, rows: Tensor | None = None) -> Predictions:
    """Predict a split, or its samples at `rows` (n,), under every condition; each sample is encoded once."""
    model.eval()
    device = next(model.parameters()).device
    heads: dict[str, Any] = dict(model.heads)
    image_head, text_head = heads.get("image"), heads.get("text")
    parts: dict[str, dict[str, list[Tensor]]] = {}

    def store(kind: str, name: str, value: Tensor) -> None:
        parts.setdefault(kind, {}).setdefault(name, []).append(value.float().cpu())

    with ExitStack() as opened:
        conditions = [] if image_head is None else list(CONDITIONS)
        files = {condition: opened.enter_context(tempfile.TemporaryFile()) for condition in conditions}
        for batch in split.batches(batch_size, device, rows):
            encoded = model.encode(batch)
            for name, e in encoded.items():
                store("encoded", name, e.pooled)
            nobody = torch.zeros_like(batch.label, dtype=torch.bool)
            for condition, (_, absent) in CONDITIONS.items():
                fused = model.fuse(encoded, **dict.fromkeys(absent, nobody))
                store("joint", condition, fused.z)
                store("probability", condition, model.classify(fused).float().softmax(-1))
                if image_head is not None:
                    image = as_levels(model.draw(fused.z, batch.index)).cpu()
                    files[condition].write(image.numpy().tobytes())
                if text_head is not None:
                    store("caption", condition, text_head.generate(fused.z, *model.memory(fused)))
        count = len(split) if rows is None else len(rows)
        images = {c: mapped(file, (count, *image.shape[1:])) for c, file in files.items()}
    caption = {condition: join(batches) for condition, batches in parts.pop("caption", {}).items()}
    joined = {kind: {name: torch.cat(v) for name, v in group.items()} for kind, group in parts.items()}
    return Predictions(caption=caption, image=images, **joined)


def join_predictions(parts: list[Predictions]) -> Predictions:
    """Join the predictions of consecutive samples."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    images = {}
    for condition, image in first.image.items():
        with tempfile.TemporaryFile() as file:
            for part in parts:
                file.write(part.image[condition].numpy().data)
            images[condition] = mapped(file, (sum(len(part.image[condition]) for part in parts), *image.shape[1:]))
    caption = {condition: join([part.caption[condition] for part in parts]) for condition in first.caption}
    joined = {
        kind: {name: torch.cat([getattr(part, kind)[name] for part in parts]) for name in getattr(first, kind)}
        for kind in ("probability", "joint", "encoded")
    }
    return Predictions(caption=caption, image=images, **joined)


def as_levels(image: Tensor) -> Tensor:
    """Round images in [0, 1] to the 256 levels of a saved picture: float -> uint8."""
    return (image.float() * 255).round().byte()


def mapped(file: IO[bytes], shape: tuple[int, ...]) -> Tensor:
    """Return the content of a file as a uint8 tensor that is mapped into memory; the file may be closed afterwards."""
    file.flush()
    return torch.from_numpy(np.memmap(file, np.uint8, "r+", shape=shape).view(np.ndarray))


def join(captions: list[Tensor]) -> Tensor:
    """Concatenate the captions of several batches, padded to the longest: [(b, t)] -> (N, T) int64."""
    longest = max(part.shape[1] for part in captions)
    padded = [torch.nn.functional.pad(part, (0, longest - part.shape[1]), value=PAD) for part in captions]
    return torch.cat(padded).long()
