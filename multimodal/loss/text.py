"""Cross-entropy of the caption's next word."""

from torch import Tensor, nn

from multimodal.loss.distributed import global_mean
from multimodal.types import PAD, Batch, Output


class TokenCrossEntropy(nn.Module):
    """Mean over all words of the batch, `<eos>` included and `<pad>` not, in nats a word."""

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Logits (B, T - 1, V), tokens (B, T) -> scalar."""
        word = batch.tokens[:, 1:].flatten()
        loss = nn.functional.cross_entropy(output.text.flatten(0, 1), word, ignore_index=PAD)
        return global_mean(loss, (word != PAD).sum(), self.training)
