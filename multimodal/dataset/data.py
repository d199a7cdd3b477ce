"""A dataset, ready for batches: uint8 images, in memory or in a mapped file, and int32 tokens."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from multimodal.dataset.preparing.augment import Augment
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.images import Pictures, in_parts
from multimodal.types import PAD, Batch, Limits, sent


class FeatureRows(Protocol):
    """N rows of features, in memory or in a file."""

    def __getitem__(self, rows: Tensor, /) -> Tensor:
        """Read rows: (n,) int64 -> (n, ...) float16."""


@dataclass(frozen=True)
class Split:
    """One split.

    Args:
        image: (N, C, H, W) uint8, a tensor or `Images`; read it by rows, and never whole.
        tokens: (N, T) int32, padded to the split's longest caption.
        label: (N,) int64, the target of the classification task.
        content: (N,) int64, the pictured class.
        captions: N texts as the task leaves them, for a pretrained tokenizer; empty if no encoder has one.
        subwords: (N, S) int32, the captions in the numbers of such a tokenizer plus one, then 0; see `Batch`.
        features: {modality: N rows of what its frozen encoder computes}; see `Batch`.
    """

    image: Pictures
    tokens: Tensor
    label: Tensor
    content: Tensor
    captions: Sequence[str] = field(default=(), repr=False)
    subwords: Tensor | None = None
    features: dict[str, FeatureRows] = field(default_factory=dict)
    length: Tensor = field(init=False, repr=False, compare=False)  # (N,) tokens without padding

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", (self.tokens != PAD).sum(1))  # computed once, read for every batch

    def __len__(self) -> int:
        return len(self.label)

    def batch(self, rows: Tensor, device: torch.device | str = "cpu") -> Batch:
        """Gather the samples at `rows` (B,), every modality present, captions padded to the longest of them."""
        tokens = self.tokens[rows, : self.length[rows].max()]
        subwords = None if self.subwords is None else self.subwords[rows]
        if subwords is not None:
            longest = max(1, int((subwords != PAD).sum(1).max()))
            subwords = sent(subwords[:, :longest], device).long()
        features = {m: sent(computed[rows], device) for m, computed in self.features.items()}
        if subwords is not None and "text" in features:
            features["text"] = features["text"][:, : subwords.shape[1]]
        present = torch.ones(len(rows), dtype=torch.bool, device=device)
        return Batch(
            image=sent(self.image[rows], device).float().div_(255),
            tokens=sent(tokens, device).long(),
            label=sent(self.label[rows], device),
            content=sent(self.content[rows], device),
            present={"image": present, "text": present},
            index=sent(rows, device),
            subwords=subwords,
            features=features,
        )

    def pixels(self) -> Iterator[Tensor]:
        """Yield all images in order, some at a time: (n, C, H, W) float in [0, 1]."""
        for part in in_parts(self.image):
            yield part.float().div_(255)

    def batches(self, size: int, device: torch.device | str = "cpu", rows: Tensor | None = None) -> Iterator[Batch]:
        """Yield all samples in order, or those at `rows` (n,), in batches of `size`; the last one may be smaller."""
        for part in (torch.arange(len(self)) if rows is None else rows).split(size):
            yield self.batch(part, device)


@dataclass(frozen=True, repr=False)
class Data:
    """A dataset, prepared for training and evaluation.

    Args:
        name: name of the dataset.
        source: the source that was read: `hub`, `path` or `embedded`.
        splits: {"train", "validation", "test": Split}.
        vocabulary: words of the training captions.
        class_names: names of the K classes.
        names_class: whether a caption alone states which class is pictured.
        limits: the accuracies that the task allows on the test split.
        undefined: {beginning of metric names: why the task makes these metrics meaningless}.
        grammar: reads the stated attributes from a caption, {attribute: word}; None if there is no grammar.
        image_attributes: function from an image, (H, W) or (H, W, 3) uint8, and its class to the attributes that it
            shows, {attribute: word}; None if there is no such rule.
        augment: augmentation of training images that keeps their captions true.
        fingerprint: hash of all arrays, hexadecimal.
        card: statistics of the data, for JSON.
        tables: {name: rows} that document the changes of the caption mode.
    """

    name: str
    source: str
    splits: dict[str, Split]
    vocabulary: Vocabulary
    class_names: list[str]
    names_class: bool
    limits: Limits
    undefined: dict[str, str]
    grammar: Callable[[str], dict[str, str]] | None
    image_attributes: Callable[[np.ndarray, str], dict[str, str]] | None
    augment: Augment
    fingerprint: str
    card: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]]

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(part)} {split}" for split, part in self.splits.items())
        return f"Data({self.name} from {self.source}: {counts}; {len(self.vocabulary)} words)"

    def sizes(self) -> dict[str, int]:
        """Return the sizes that model and losses need: the values under `sizes` in the config.

        Returns:
            `num_classes`, `vocab_size`, `max_length` (tokens), `channels` and `image_size` (pixels).
        """
        train = self.splits["train"]
        return {
            "num_classes": len(self.class_names),
            "vocab_size": len(self.vocabulary),
            "max_length": train.tokens.shape[1],
            "channels": train.image.shape[1],
            "image_size": train.image.shape[2],
        }
