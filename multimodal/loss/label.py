"""Cross-entropy of the label."""

from torch import Tensor, nn

from multimodal.checks import check_number
from multimodal.loss.distributed import global_mean
from multimodal.types import Batch, Output


class LabelCrossEntropy(nn.Module):
    """Mean over the batch, in nats.

    Args:
        smoothing: share of the target spread over all classes (Szegedy et al. 2016,
            https://arxiv.org/abs/1512.00567).
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__()
        check_number("loss.terms.label", least=0, below=1, smoothing=smoothing)
        self.smoothing = smoothing

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Logits (B, K), label (B,) -> scalar."""
        loss = nn.functional.cross_entropy(output.label, batch.label, label_smoothing=self.smoothing)
        return global_mean(loss, len(batch.label), self.training)
