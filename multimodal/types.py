"""Data types passed between the parts of the model: Batch -> Encoded -> Fused -> Output.

Letters: B batch, T tokens, D shared width, V vocabulary, K classes, C H W image. Modalities are
dictionary keys ("image", "text"). Every key is always there; `present` is False where a sample lacks the modality.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from multimodal.images import Pictures

PAD, UNK, BOS, EOS = range(4)  # the first four words of every vocabulary
SPECIAL_WORDS = ("<pad>", "<unk>", "<bos>", "<eos>")
MODALITIES = {"image": "image", "text": "caption"}  # {key: name in figures and tables}


def sent(values: Tensor, device: torch.device | str) -> Tensor:
    """Copy values to a device; from the CPU to a GPU from pinned memory, so that both compute meanwhile."""
    if torch.device(device).type == "cuda" and values.device.type == "cpu":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


class Condition(NamedTuple):
    """Modalities that the model is given: a title for figures and tables, and the modalities that are absent."""

    title: str
    absent: tuple[str, ...]


CONDITIONS = {  # every test sample is evaluated under each
    "both": Condition("both", ()),
    "image": Condition("image only", ("text",)),
    "text": Condition("text only", ("image",)),
}


@dataclass(frozen=True)
class Batch:
    """A batch of samples as the model reads them.

    Args:
        image: (B, C, H, W) float in [0, 1].
        tokens: (B, T) int64, `<bos>` … `<eos>`, then `<pad>`.
        label: (B,) int64, the target of the classification task.
        content: (B,) int64, the pictured class.
        present: {modality: (B,) bool}.
        index: (B,) int64, the sample's row in its split.
        subwords: (B, S) int64, the caption in the numbers of a pretrained tokenizer plus one, then 0; None if the text
            encoder reads `tokens`.
        features: {modality: (B, ...) what its frozen encoder computed before training}, read in place of the input.
        present_rows: {modality: (n,) int64, the rows of `present`}, of masks that the CPU knew: to find them on a GPU,
            the CPU would wait for it. A modality may be left out.
    """

    image: Tensor
    tokens: Tensor
    label: Tensor
    content: Tensor
    present: dict[str, Tensor]
    index: Tensor
    subwords: Tensor | None = None
    features: dict[str, Tensor] = field(default_factory=dict)
    present_rows: dict[str, Tensor] = field(default_factory=dict)

    @property
    def inputs(self) -> dict[str, Tensor]:
        """Return the encoder inputs: {modality: tensor}."""
        return {"image": self.image, "text": self.tokens if self.subwords is None else self.subwords} | self.features

    def rows(self, index: Tensor) -> "Batch":
        """Return the samples at `index` (N,) int64."""
        return Batch(
            self.image[index],
            self.tokens[index],
            self.label[index],
            self.content[index],
            {m: mask[index] for m, mask in self.present.items()},
            self.index[index],
            None if self.subwords is None else self.subwords[index],
            {m: x[index] for m, x in self.features.items()},
        )

    def with_image(self, image: Tensor) -> "Batch":
        """Return the same samples with other images (B, C, H, W), for which no features were computed."""
        return replace(self, image=image, features={m: x for m, x in self.features.items() if m != "image"})

    def with_caption(self, tokens: Tensor, subwords: Tensor | None) -> "Batch":
        """Return the same samples with other captions, (B, T) and (B, S), for which no features were computed."""
        features = {m: x for m, x in self.features.items() if m != "text"}
        return replace(self, tokens=tokens, subwords=subwords, features=features)

    def with_present(self, **present: Tensor) -> "Batch":
        """Return the same samples with `present` replaced for the given modalities: {modality: (B,) bool}.

        Masks on the CPU are sent to the samples' device, with the rows that they leave.
        """
        device = self.label.device
        rows = {m: r for m, r in self.present_rows.items() if m not in present}
        on_cpu = {m: mask for m, mask in present.items() if mask.device.type == "cpu"}
        rows |= {m: sent(mask.nonzero().flatten(), device) for m, mask in on_cpu.items()}
        masks = {m: sent(mask, device) for m, mask in present.items()}
        return replace(self, present={**self.present, **masks}, present_rows=rows)


@dataclass(frozen=True)
class Encoded:
    """Embeddings of one modality, as its encoder returns them.

    Args:
        pooled: (B, D), one vector per sample.
        tokens: (B, T, D), the sequence that attention reads.
        token_mask: (B, T) bool, False on padding; at least one True per row.
        present: (B,) bool, False where the modality is absent.
    """

    pooled: Tensor
    tokens: Tensor
    token_mask: Tensor
    present: Tensor

    def rows(self, index: Tensor) -> "Encoded":
        """Return the samples at `index` (N,) int64; a row may be repeated."""
        return Encoded(self.pooled[index], self.tokens[index], self.token_mask[index], self.present[index])


@dataclass(frozen=True)
class Fused:
    """Joint representation of all modalities.

    Args:
        z: (B, D).
        logits: (B, K) from a decision-level fusion, used instead of the label head's; else None.
        aux_losses: {name: scalar}, unweighted auxiliary losses of the fusion.
        encoded: {modality: Encoded} of what the fusion read, before absent modalities are imputed; set by the model.
    """

    z: Tensor
    logits: Tensor | None = None
    aux_losses: dict[str, Tensor] = field(default_factory=dict)
    encoded: dict[str, Encoded] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """Outputs of all heads, and the embeddings that the contrastive losses need.

    Args:
        label: (B, K) logits.
        image: (B, C, H, W) in [0, 1]; None for a model without an image head, or if that head has losses of its own.
        text: (B, T - 1, V) logits of tokens 1..T-1, each given the tokens before it; None without a text head.
        encoded: {modality: Encoded}, before absent modalities are imputed.
        aux_losses: {name: scalar}, unweighted losses of the fusion's and of the image head's own.
    """

    label: Tensor
    image: Tensor | None
    text: Tensor | None
    encoded: dict[str, Encoded]
    aux_losses: dict[str, Tensor]

    def float(self) -> "Output":
        """Return a copy in float32, whatever precision the model computed in."""
        return Output(
            label=self.label.float(),
            image=None if self.image is None else self.image.float(),
            text=None if self.text is None else self.text.float(),
            encoded={m: replace(e, pooled=e.pooled.float(), tokens=e.tokens.float()) for m, e in self.encoded.items()},
            aux_losses={name: term.float() for name, term in self.aux_losses.items()},
        )


def join_outputs(parts: Sequence[Output]) -> Output:
    """Concatenate the outputs of parts of a batch; auxiliary losses are means over samples."""
    encoded = [[part.encoded[m] for part in parts] for m in parts[0].encoded]
    sizes = [len(part.label) for part in parts]
    return Output(
        label=torch.cat([part.label for part in parts]),
        image=join([part.image for part in parts]),
        text=join([part.text for part in parts]),
        encoded={
            m: Encoded(
                torch.cat([e.pooled for e in several]),
                torch.cat([e.tokens for e in several]),
                torch.cat([e.token_mask for e in several]),
                torch.cat([e.present for e in several]),
            )
            for m, several in zip(parts[0].encoded, encoded, strict=True)
        },
        aux_losses={
            name: torch.stack([size * part.aux_losses[name] for size, part in zip(sizes, parts, strict=True)]).sum()
            / sum(sizes)
            for name in parts[0].aux_losses
        },
    )


def join(parts: Sequence[Tensor | None]) -> Tensor | None:
    """Concatenate what a head gave for each part; None of an absent head."""
    present = [part for part in parts if part is not None]
    return torch.cat(present) if present else None


@dataclass(frozen=True)
class Captions:
    """Captions as a caption mode returns them.

    Args:
        texts: {split: N captions, one per sample}.
        names_class: whether a caption alone states which class is pictured.
        tables: {name: rows} that document the changes, saved in the run's folder.
    """

    texts: dict[str, list[str]]
    names_class: bool
    tables: dict[str, list[dict[str, object]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """The expected accuracies of ideal answers on the test split, each a number or the reason why it is unknown.

    An answer that has to guess may be luckier than is expected of an ideal one, so a model may come out above.

    Args:
        chance: accuracy of always answering the most frequent training label.
        image: expected accuracy of the best answer from the image alone.
        text: expected accuracy of the best answer from the caption alone.
        both: expected accuracy of the best answer from both, the task's ceiling.
        product: expected accuracy of the product of the ideal answers from each alone, divided by the prior. Where it
            is the ceiling, no model can fuse better than that product.
        text_posterior: (N, K) probabilities of the classes given each test caption, where `image` and `both` have to
            be measured: modalities that are independent given the class are combined best by the product of their
            posteriors. What an oracle reaches is a lower bound of them. None where they are known.
    """

    chance: float
    image: float | str
    text: float | str
    both: float | str
    product: float | str
    text_posterior: Tensor | None = None

    def named(self) -> dict[str, float | str]:
        """Return the limits by the names that results and data card have for them."""
        return {
            "chance": self.chance,
            "ceiling": self.both,
            "image_ceiling": self.image,
            "text_ceiling": self.text,
            "product_ceiling": self.product,
        }


@dataclass(frozen=True)
class TaskData:
    """The samples of every split as a task leaves them.

    Args:
        image: {split: (N, C, H, W) uint8}.
        captions: {split: N captions}.
        label: {split: (N,) int64, the target of the classification task}.
        content: {split: (N,) int64, the pictured class; of several pictures, the class of the one that is asked for}.
        names_class: whether a caption alone states which class is pictured.
        limits: what can be reached on the test split.
        writes_captions: whether the task wrote the captions itself; such a caption is never cut.
        flippable: whether a mirrored image still fits its caption.
        undefined: {beginning of metric names: why the task makes these metrics meaningless}.
    """

    image: dict[str, Pictures]
    captions: dict[str, list[str]]
    label: dict[str, Tensor]
    content: dict[str, Tensor]
    names_class: bool
    limits: Limits
    writes_captions: bool
    flippable: bool
    undefined: dict[str, str]


def masked_mean(tokens: Tensor, token_mask: Tensor) -> Tensor:
    """Compute the mean of the tokens where the mask is True: (B, T, D), (B, T) bool -> (B, D)."""
    weight = token_mask.to(tokens.dtype)
    return torch.einsum("btd,bt->bd", tokens, weight) / weight.sum(1, keepdim=True)
