"""Cross-entropy of the caption's next word."""

from typing import cast

from torch import Tensor, nn

from multimodal.loss.distributed import global_mean
from multimodal.types import PAD, Batch, Output


class TokenCrossEntropy(nn.Module):
    """Compute the mean cross-entropy over all words of the batch, in nats per word; `<eos>` counts, `<pad>` does not.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> batch = SimpleNamespace(tokens=torch.tensor([[2, 5, 3, 0]]))  # <bos>, a word, <eos>, <pad>
        >>> TokenCrossEntropy()(SimpleNamespace(text=torch.zeros(1, 3, 8)), batch)  # log 8: equal logits for 8 words
        tensor(2.0794)
    """

    head = "text"

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Compare: logits (B, T - 1, V), tokens (B, T) -> scalar."""
        word = batch.tokens[:, 1:].flatten()
        loss = nn.functional.cross_entropy(cast(Tensor, output.text).flatten(0, 1), word, ignore_index=PAD)
        return global_mean(loss, (word != PAD).sum(), self.training)
