"""Cross-entropy of the predicted label."""

from torch import Tensor, nn

from multimodal.checks import check_number
from multimodal.loss.distributed import global_mean
from multimodal.types import Batch, Output


class LabelCrossEntropy(nn.Module):
    """Compute the mean cross-entropy over the batch, in nats.

    Args:
        smoothing: share of the target distribution spread over all classes, in [0, 1) (Szegedy et al. 2016,
            https://arxiv.org/abs/1512.00567).

    Raises:
        ValueError: if `smoothing` is outside [0, 1).

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> output, batch = SimpleNamespace(label=torch.zeros(2, 4)), SimpleNamespace(label=torch.tensor([0, 3]))
        >>> LabelCrossEntropy(smoothing=0.0)(output, batch)  # log 4: equal logits for 4 classes
        tensor(1.3863)
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__()
        check_number("loss.terms.label", least=0, below=1, smoothing=smoothing)
        self.smoothing = smoothing

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Compare: logits (B, K), label (B,) -> scalar."""
        loss = nn.functional.cross_entropy(output.label, batch.label, label_smoothing=self.smoothing)
        return global_mean(loss, len(batch.label), self.training)
