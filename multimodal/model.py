"""The model: encode each modality, stand in for what is absent, fuse, and let every head speak."""

from dataclasses import replace

from torch import Tensor, nn

from multimodal.types import Batch, Encoded, Fused, Output


class MultimodalModel(nn.Module):
    """Joins the parts; it has no layer of its own.

    Args:
        encoders: {modality: module (x, present) -> Encoded}.
        missing: {modality: Encoded} -> the same with stand-ins for what is absent.
        fusion: {modality: Encoded} -> Fused.
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
            terms=fused.terms,
        )

    def encode(self, batch: Batch) -> dict[str, Encoded]:
        """Each modality on its own; an absent input is zeroed first, so nothing of it reaches any sample."""
        encoded = {}
        for name, encoder in self.encoders.items():
            x, present = batch.inputs[name], batch.present[name]
            encoded[name] = encoder(x.where(present.view(-1, *[1] * (x.ndim - 1)), 0), present)
        return encoded

    def fuse(self, encoded: dict[str, Encoded], **present: Tensor) -> Fused:
        """Joint representation; `present` ({modality: (B,) bool}) hides more without encoding again."""
        hidden = {m: replace(e, present=e.present & present.get(m, e.present)) for m, e in encoded.items()}
        return self.fusion(self.missing(hidden))

    def classify(self, fused: Fused) -> Tensor:
        """Logits (B, K): the fusion's own where it decides, else the label head's."""
        return self.heads["label"](fused.z) if fused.logits is None else fused.logits
