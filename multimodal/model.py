"""The model: encode each modality, stand in for what is absent, fuse, and let every head speak."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from multimodal.types import MODALITIES, Batch, Encoded, Fused, Output


class MultimodalModel(nn.Module):
    """Joins the parts; it has no layer of its own.

    Args:
        encoders: {modality: module (x, present) -> Encoded}.
        missing: {modality: Encoded} -> the same with stand-ins for what is absent.
        fusion: {modality: Encoded} -> Fused; its `modalities` are the names of what it reads.
        heads: modules for "label" and "image" (z) and "text" (z, tokens), the latter with `generate`.
    """

    def __init__(
        self,
        encoders: dict[str, nn.Module],
        missing: nn.Module,
        fusion: nn.Module,
        heads: dict[str, nn.Module],
    ) -> None:
        super().__init__()
        others = sorted(set(encoders) - set(MODALITIES))
        if others:  # dropout, availability and interaction are of two
            raise ValueError(f"encoder.{others[0]}: only {' and '.join(MODALITIES)} are supported, no other modality")
        if not set(getattr(fusion, "modalities", ())) & set(encoders):
            raise ValueError(
                f"{type(fusion).__name__} needs `self.modalities`, the inputs it reads of {sorted(encoders)}"
            )
        unknown = sorted(set(fusion.modalities) - set(encoders))
        if unknown:
            raise ValueError(f"the fusion reads {', '.join(unknown)}, there are encoders of {', '.join(encoders)}")
        self.encoders = nn.ModuleDict(encoders)
        self.missing = missing
        self.fusion = fusion
        self.heads = nn.ModuleDict(heads)

    def forward(self, batch: Batch) -> Output:
        """The teacher-forced pass that training needs."""
        encoded = self.encode(batch)
        fused = self.fuse(encoded)
        return Output(
            label=self.classify(fused),
            image=self.heads["image"](fused.z),
            text=self.heads["text"](fused.z, batch.tokens),
            encoded=encoded,
            aux_losses=fused.aux_losses,
        )

    def encode(self, batch: Batch) -> dict[str, Encoded]:
        """Each modality on its own, absent inputs left out."""
        return {
            name: encode_present(encoder, batch.inputs[name], batch.present[name])
            for name, encoder in self.encoders.items()
        }

    def fuse(self, encoded: dict[str, Encoded], **present: Tensor) -> Fused:
        """Joint representation; `present` ({modality: (B,) bool}) hides more without encoding again."""
        hidden = {m: replace(e, present=e.present & present.get(m, e.present)) for m, e in encoded.items()}
        return self.fusion(self.missing(hidden))

    def classify(self, fused: Fused) -> Tensor:
        """Logits (B, K): the fusion's own where it decides, else the label head's."""
        return self.heads["label"](fused.z) if fused.logits is None else fused.logits


def encode_present(encoder: nn.Module, x: Tensor, present: Tensor) -> Encoded:
    """Only the samples that have the modality pass its encoder; the others get zeros and cost nothing.

    So nothing of an absent input reaches any sample, through batch statistics neither. Should all of
    them be absent, one blank input is encoded, because a batch may not be empty; of fewer than two inputs
    there are no batch statistics, and the running ones are used and kept.
    """
    count = int(present.sum())
    if count == len(present) > 1:
        return encoder(x, present)
    rows = present.nonzero().flatten() if count else present.new_zeros(1, dtype=torch.int64)
    blank = x.where(present.view(-1, *[1] * (x.ndim - 1)), 0)
    with running_statistics(encoder) if count < 2 else nullcontext():
        encoded = encoder(blank[rows], present[rows])

    def spread(part: Tensor, fill: float) -> Tensor:
        return part.new_full((len(present), *part.shape[1:]), fill).index_copy(0, rows, part)

    return Encoded(spread(encoded.pooled, 0), spread(encoded.tokens, 0), spread(encoded.token_mask, True), present)


@contextmanager
def running_statistics(encoder: nn.Module) -> Iterator[None]:
    """Its BatchNorm layers as in evaluation."""
    norms = [module for module in encoder.modules() if isinstance(module, _BatchNorm) and module.training]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()
