"""A classifier of its own for each modality, so that a weak one is learned from beside a strong one.

The auxiliary heads of Wang et al. 2020, What Makes Training Multi-modal Classification Networks Hard?,
https://arxiv.org/abs/1905.12681, with one weight for all of them instead of Gradient Blending's.
"""

from torch import Tensor, nn

from multimodal.loss.distributed import global_mean
from multimodal.types import Batch, Output


class UnimodalCrossEntropy(nn.Module):
    """Cross-entropy of one linear classifier a modality, on what its encoder says.

    Args:
        dim: shared width D.
        modalities: names of the inputs.
        num_classes: K.
    """

    def __init__(self, dim: int, modalities: list[str], num_classes: int) -> None:
        super().__init__()
        self.classifiers = nn.ModuleDict({m: nn.Linear(dim, num_classes) for m in modalities})

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Sum over the modalities of the mean over the samples that have them, in nats; 0 where none has."""
        total = output.label.new_zeros(())
        for m, classifier in self.classifiers.items():
            present = output.encoded[m].present
            each = nn.functional.cross_entropy(classifier(output.encoded[m].pooled), batch.label, reduction="none")
            mean = (each * present).sum() / present.sum().clamp(min=1)
            total = total + global_mean(mean, present.sum(), self.training)
        return total
