"""Cross-entropy of the caption's next word."""

from torch import Tensor, nn

from multimodal.types import PAD, Batch, Output


class TokenCrossEntropy(nn.Module):
    """Mean over all words of the batch, `<eos>` included and `<pad>` not, in nats a word."""

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Logits (B, T - 1, V), tokens (B, T) -> scalar."""
        return nn.functional.cross_entropy(output.text.flatten(0, 1), batch.tokens[:, 1:].flatten(), ignore_index=PAD)
