"""The model: encode each modality, impute absent ones, fuse, and apply every head."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from multimodal.types import MODALITIES, Batch, Encoded, Fused, Output


class MultimodalModel(nn.Module):
    """Joins encoders, imputation, fusion and heads; it has no layers of its own.

    Args:
        encoders: {modality: module (x, present) -> Encoded}.
        missing: module {modality: Encoded} -> {modality: Encoded} with absent modalities imputed.
        fusion: module {modality: Encoded} -> Fused; its `modalities` are the names of its inputs.
        heads: modules "label" (z), "image" (z) and "text" (z, tokens); the last also has a method `generate`. Image
            and text head may be None: such a model generates no images or no captions. An image head with a method
            `losses` (z, image, number) -> {name: scalar} learns by these instead of the loss terms that read its image;
            one with a method `noise` (number, draw) -> (B, C, H, W) draws at random, by (z, noise). A text head with an
            attribute `attends` that is true gets the `memory` as further arguments of each of its methods.

    Raises:
        ValueError: there is no label head, an encoder is for a modality other than image and text, the fusion reads
            none of the encoders or a modality that has no encoder, or `missing` does not impute every modality.
    """

    def __init__(
        self,
        encoders: dict[str, nn.Module],
        missing: nn.Module,
        fusion: nn.Module,
        heads: dict[str, nn.Module | None],
    ) -> None:
        super().__init__()
        if heads.get("label") is None:
            raise ValueError("head.label must be a component, got null; only head/image and head/text may be none")
        others = sorted(set(encoders) - set(MODALITIES))
        if others:  # modality dropout and some metrics assume exactly these two
            raise ValueError(f"encoder.{others[0]}: only {' and '.join(MODALITIES)} are supported, no other modality")
        modalities = cast("tuple[str, ...]", getattr(fusion, "modalities", ()))
        if not set(modalities) & set(encoders):
            raise ValueError(
                f"{type(fusion).__name__} needs `self.modalities`, the names of its inputs among {sorted(encoders)}"
            )
        unknown = sorted(set(modalities) - set(encoders))
        if unknown:
            raise ValueError(
                f"fusion.modalities has {', '.join(unknown)}, but there are encoders only for {', '.join(encoders)}"
            )
        imputed = cast("tuple[str, ...]", getattr(missing, "modalities", tuple(encoders)))
        if not set(encoders) <= set(imputed):
            raise ValueError(f"missing.modalities must name {' and '.join(encoders)}, got {list(imputed)}")
        self.encoders = nn.ModuleDict(encoders)
        self.missing = missing
        self.fusion = fusion
        self.heads = nn.ModuleDict({name: head for name, head in heads.items() if head is not None})

    def forward(self, batch: Batch) -> Output:
        """Compute the outputs of all heads, the text head with teacher forcing; no image if its head has own losses."""
        encoded = self.encode(batch)
        fused = self.fuse(encoded)
        label, image, aux_losses = self.classify(fused), None, fused.aux_losses
        if "image" in self.heads:
            head: Any = self.heads["image"]
            if hasattr(head, "losses"):
                aux_losses = aux_losses | head.losses(fused.z, self.as_weights(batch.image), batch.index)
            else:
                image = head(fused.z)
        return Output(
            label=label,
            image=image,
            text=self.heads["text"](fused.z, batch.tokens, *self.memory(fused)) if "text" in self.heads else None,
            encoded=encoded,
            aux_losses=aux_losses,
        )

    def encode(self, batch: Batch) -> dict[str, Encoded]:
        """Encode each modality separately; absent inputs do not pass the encoder."""
        inputs, present = {m: self.as_weights(x) for m, x in batch.inputs.items()}, batch.present
        if torch.compiler.is_compiling():
            return {name: encode_all(encoder, inputs[name], present[name]) for name, encoder in self.encoders.items()}
        return {
            name: encode_present(encoder, inputs[name], present[name], batch.present_rows.get(name))
            for name, encoder in self.encoders.items()
        }

    def tokenize(self, captions: Sequence[str]) -> Tensor | None:
        """Split captions into the subwords (N, S) of the text encoder's tokenizer; None if it reads whole words."""
        tokenize = getattr(self.encoders["text"], "tokenize", None) if "text" in self.encoders else None
        return None if tokenize is None else tokenize(captions)

    def subword_texts(self, subwords: Tensor) -> list[list[str]]:
        """Return the text of each subword of N captions (N, S), as `tokenize` gave them; padding is left out."""
        tokenizer: Any = self.encoders["text"].tokenizer
        return [[tokenizer.decode([number - 1]) for number in row if number] for row in subwords.tolist()]

    def fuse(self, encoded: dict[str, Encoded], **present: Tensor) -> Fused:
        """Impute absent modalities and fuse them all.

        Args:
            encoded: {modality: Encoded}.
            **present: {modality: (B,) bool}, False hides an encoded modality, so that it need not be encoded again.
        """
        hidden = {m: replace(e, present=e.present & present.get(m, e.present)) for m, e in encoded.items()}
        fused: Fused = self.fusion(self.missing(hidden))
        modalities = cast("tuple[str, ...]", self.fusion.modalities)
        return replace(fused, z=self.as_weights(fused.z), encoded={m: hidden[m] for m in modalities})

    def memory(self, fused: Fused) -> tuple[Tensor, ...]:
        """Return the tokens that the text head may attend to, and their mask: (B, S, D), (B, S) bool.

        They are the encoders' tokens of what the fusion read, but never the caption's: a head that sees the caption
        that it is to write copies it word by word, and learns nothing of the image. The caption reaches it through z
        alone, where it is given. Tokens of absent modalities are masked.

        Returns:
            The two tensors, S is 0 for a fusion that reads captions alone; nothing for a head that does not attend.
        """
        if not getattr(self.heads["text"], "attends", False):
            return ()
        others = [e for m, e in fused.encoded.items() if m != "text"]
        tokens = [self.as_weights(e.tokens) for e in others] or [fused.z[:, None][:, :0]]
        masks = [e.token_mask & e.present[:, None] for e in others] or [fused.z[:, :0].bool()]
        return torch.cat(tokens, dim=1), torch.cat(masks, dim=1)

    @property
    def draws_at_random(self) -> bool:
        """Return whether the image head draws several images of the same joint representation."""
        return "image" in self.heads and hasattr(self.heads["image"], "noise")

    def draw(self, z: Tensor, number: Tensor | None = None, draw: int = 0) -> Tensor:
        """Draw images by the image head: z (B, D) -> (B, C, H, W) in [0, 1].

        A head that draws at random gives each sample number images of its own, the same in every batch.

        Args:
            z: (B, D).
            number: (B,) int64, of the samples; None: all have the number 0.
            draw: which of its images.
        """
        head: Any = self.heads["image"]
        if not self.draws_at_random:
            return head(z)
        if number is None and draw == 0:
            return head(z, None)  # no number is read, which an exported file could not
        return head(z, head.noise(z.new_zeros(1, dtype=torch.int64) if number is None else number, draw))

    def as_weights(self, x: Tensor) -> Tensor:
        """Return a tensor of float32 in the type of the weights, bf16 for training.precision=bf16-true."""
        return x.to(next(self.parameters()).dtype) if x.dtype is torch.float32 else x

    def classify(self, fused: Fused) -> Tensor:
        """Return logits (B, K): those of a decision-level fusion, else those of the label head."""
        return self.heads["label"](fused.z) if fused.logits is None else fused.logits


def no_head(name: str) -> str:
    """Return the words for a model without the image or the text head: why it generates no images or no captions.

    Example:
        >>> no_head("image")
        'the model has no image head (head/image=none)'
    """
    return f"the model has no {name} head (head/{name}=none)"


def encode_present(encoder: nn.Module, x: Tensor, present: Tensor, rows: Tensor | None = None) -> Encoded:
    """Encode the samples that have the modality; the others get zeros and take no computing time.

    So no absent input influences any sample, not even through batch statistics. If the modality is absent in
    all samples, one blank input is encoded, because a batch must not be empty. With fewer than two inputs,
    BatchNorm uses its running statistics and does not update them.

    Args:
        encoder: module (x, present) -> Encoded.
        x: (B, ...), the inputs.
        present: (B,) bool.
        rows: (n,) int64, the rows of `present`; None finds them, for which the CPU waits for a GPU.
    """
    rows = present.nonzero().flatten() if rows is None else rows
    count = len(rows)
    if count == len(present) > 1:
        return encoder(x, present)
    rows = rows if count else present.new_zeros(1, dtype=torch.int64)
    given = x[rows] if count else torch.zeros_like(x[:1])
    with running_statistics(encoder) if count < 2 else nullcontext():
        encoded = encoder(given, present[rows])

    def spread(part: Tensor, fill: float) -> Tensor:
        return part.new_full((len(present), *part.shape[1:]), fill).index_copy(0, rows, part)

    return Encoded(spread(encoded.pooled, 0), spread(encoded.tokens, 0), spread(encoded.token_mask, True), present)


def encode_all(encoder: nn.Module, x: Tensor, present: Tensor) -> Encoded:
    """Encode the whole batch, of a shape that does not depend on the data, as a compiler and an exported file need it.

    An absent input is blank. If the encoder has batch statistics, which a blank input would shift, it is a copy of the
    present input before it instead. Either way, the samples without the modality get zeros.

    Args:
        encoder: module (x, present) -> Encoded.
        x: (B, ...), the inputs.
        present: (B,) bool.
    """

    def hide(part: Tensor) -> Tensor:
        return part.where(present.view(-1, *[1] * (part.ndim - 1)), 0)

    filled = hide(x)
    if batch_norms(encoder):
        first = present.int().argmax()
        row = torch.arange(len(present), device=present.device).where(present, first)
        filled = filled[row.cummax(0).values]
    encoded = encoder(filled, present)
    token_mask = encoded.token_mask | ~present[:, None]
    return Encoded(hide(encoded.pooled), hide(encoded.tokens), token_mask, present)


def batch_norms(encoder: nn.Module) -> list[_BatchNorm]:
    """Return the layers that normalise by the statistics of the batch in their present mode."""
    return [module for module in encoder.modules() if isinstance(module, _BatchNorm) and module.training]


@contextmanager
def running_statistics(encoder: nn.Module) -> Iterator[None]:
    """Put the encoder's BatchNorm layers in eval mode while the block runs."""
    norms = batch_norms(encoder)
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()
