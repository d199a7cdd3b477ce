"""What travels between the parts: Batch -> Encoded -> Fused -> Output.

Letters: B batch, T tokens, D shared width, V vocabulary, K classes, C H W image. Modalities are
dictionary keys ("image", "text"); every key is always there, and absence is `present`.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

PAD, UNK, BOS, EOS = range(4)  # the first four words of every vocabulary
SPECIAL_WORDS = ("<pad>", "<unk>", "<bos>", "<eos>")
MODALITIES = {"image": "image", "text": "caption"}  # {key: the word for a reader}


class Condition(NamedTuple):
    """What a model is given: a title for the reader, and the modalities that are absent."""

    title: str
    absent: tuple[str, ...]


CONDITIONS = {  # under which every test sample is evaluated
    "both": Condition("both", ()),
    "image": Condition("image only", ("text",)),
    "text": Condition("text only", ("image",)),
}


@dataclass(frozen=True)
class Batch:
    """Samples as the model reads them.

    Args:
        image: (B, C, H, W) float in [0, 1].
        tokens: (B, T) int64, `<bos>` … `<eos>`, then `<pad>`.
        label: (B,) int64, the task's answer.
        content: (B,) int64, the pictured class.
        present: {modality: (B,) bool}.
        index: (B,) int64, the sample's row in its split.
    """

    image: Tensor
    tokens: Tensor
    label: Tensor
    content: Tensor
    present: dict[str, Tensor]
    index: Tensor

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What each modality's encoder reads."""
        return {"image": self.image, "text": self.tokens}

    def with_present(self, **present: Tensor) -> "Batch":
        """The same samples with other modalities given: {modality: (B,) bool}."""
        return replace(self, present={**self.present, **present})


@dataclass(frozen=True)
class Encoded:
    """One modality after its encoder.

    Args:
        pooled: (B, D), the sample in one vector.
        tokens: (B, T, D), the sequence that attention reads.
        token_mask: (B, T) bool, False on padding; every row has a True.
        present: (B,) bool.
    """

    pooled: Tensor
    tokens: Tensor
    token_mask: Tensor
    present: Tensor

    def rows(self, index: Tensor) -> "Encoded":
        """The samples at `index`, any number of times each."""
        return Encoded(self.pooled[index], self.tokens[index], self.token_mask[index], self.present[index])


@dataclass(frozen=True)
class Fused:
    """The joint representation.

    Args:
        z: (B, D).
        logits: (B, K) of a decision-level fusion, which replace the label head's; else None.
        aux_losses: losses that the fusion adds, by name, unweighted scalars.
    """

    z: Tensor
    logits: Tensor | None = None
    aux_losses: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """What the heads said, and what the contrastive loss needs.

    Args:
        label: (B, K) logits.
        image: (B, C, H, W) in [0, 1].
        text: (B, T - 1, V) logits of tokens 1..T-1, each given those before it.
        encoded: {modality: Encoded}, before a stand-in replaced what is absent.
        aux_losses: losses that the fusion adds.
    """

    label: Tensor
    image: Tensor
    text: Tensor
    encoded: dict[str, Encoded]
    aux_losses: dict[str, Tensor]

    def float(self) -> "Output":
        """The same in float32, whatever precision the model computed in."""
        return Output(
            label=self.label.float(),
            image=self.image.float(),
            text=self.text.float(),
            encoded={m: replace(e, pooled=e.pooled.float(), tokens=e.tokens.float()) for m, e in self.encoded.items()},
            aux_losses={name: term.float() for name, term in self.aux_losses.items()},
        )


@dataclass(frozen=True)
class CaptionedTask:
    """What the captions tell and which answer is asked for, as a caption mode leaves them.

    Args:
        captions: {split: a text for each sample}.
        label: {split: (N,) int64, the task's answer}.
        names_class: whether a caption says by itself which class is pictured.
        tables: {name: rows} that explain what was done, for the run's folder.
    """

    captions: dict[str, list[str]]
    label: dict[str, Tensor]
    names_class: bool
    tables: dict[str, list[dict[str, object]]] = field(default_factory=dict)


def masked_mean(tokens: Tensor, token_mask: Tensor) -> Tensor:
    """Mean over the token_mask positions: (B, T, D), (B, T) -> (B, D)."""
    weight = token_mask.to(tokens.dtype)
    return torch.einsum("btd,bt->bd", tokens, weight) / weight.sum(1, keepdim=True)
