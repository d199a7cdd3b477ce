"""A dataset in memory: uint8 images and int32 tokens; a batch is gathered, not loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from multimodal.dataset.preparing.augment import Augment
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.types import PAD, Batch


@dataclass(frozen=True)
class Split:
    """One split.

    Args:
        image: (N, C, H, W) uint8.
        tokens: (N, T) int32, padded to the split's longest caption.
        label: (N,) int64, the task's answer.
        content: (N,) int64, the pictured class.
    """

    image: Tensor
    tokens: Tensor
    label: Tensor
    content: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", (self.tokens != PAD).sum(1))  # kept: a batch is cut to its longest

    def __len__(self) -> int:
        return len(self.label)

    def batch(self, rows: Tensor, device: torch.device | str = "cpu") -> Batch:
        """The samples at `rows` (B,), every modality present, captions cut to the longest of them."""
        tokens = self.tokens[rows, : self.length[rows].max()]
        present = torch.ones(len(rows), dtype=torch.bool, device=device)
        return Batch(
            image=self.image[rows].to(device, non_blocking=True).float().div_(255),
            tokens=tokens.to(device, torch.int64, non_blocking=True),
            label=self.label[rows].to(device, non_blocking=True),
            content=self.content[rows].to(device, non_blocking=True),
            present={"image": present, "text": present},
            index=rows.to(device, non_blocking=True),
        )

    def batches(self, size: int, device: torch.device | str = "cpu"):
        """All samples in order, `size` at a time."""
        for rows in torch.arange(len(self)).split(size):
            yield self.batch(rows, device)


@dataclass(frozen=True)
class Data:
    """What a run learns from and is measured on.

    Args:
        name: of the dataset.
        source: where it came from in the end, `hub`, `path` or `embedded`.
        splits: `train`, `validation`, `test`.
        vocabulary: of the training captions.
        class_names: of the K labels.
        names_class: whether a caption says by itself which class is pictured.
        grammar: reads {attribute: word} from a caption, as far as it states any; None if there is none.
        augment: moves training images as far as their captions bear it.
        fingerprint: of all arrays, hexadecimal.
        card: what the data is, in numbers, for JSON.
        tables: {name: rows} of what the caption mode did.
    """

    name: str
    source: str
    splits: dict[str, Split]
    vocabulary: Vocabulary
    class_names: list[str]
    names_class: bool
    grammar: Callable[[str], dict[str, str]] | None
    augment: Augment
    fingerprint: str
    card: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]]

    def sizes(self) -> dict[str, int]:
        """Return the sizes that parts of model and loss are built from, by their name under `sizes` in the config."""
        train = self.splits["train"]
        return {
            "num_classes": len(self.class_names),
            "vocab_size": len(self.vocabulary),
            "max_length": train.tokens.shape[1],
            "channels": train.image.shape[1],
            "image_size": train.image.shape[2],
        }
