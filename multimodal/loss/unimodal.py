"""A separate classifier for each modality, so that a weak modality's encoder learns beside a strong one.

The auxiliary heads of Wang et al. 2020, What Makes Training Multi-modal Classification Networks Hard?,
https://arxiv.org/abs/1905.12681.
Differs: one weight for all classifiers instead of the weights of Gradient Blending.
"""

from torch import Tensor, nn

from multimodal.loss.distributed import global_mean
from multimodal.types import MODALITIES, Batch, Output


class UnimodalCrossEntropy(nn.Module):
    """Compute the cross-entropy of one linear classifier per modality on the encoder's pooled embedding.

    Args:
        dim: shared width D.
        modalities: names of the inputs.
        num_classes: number of classes K.

    Raises:
        ValueError: there is no modality, or an unknown one.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> encoded = SimpleNamespace(pooled=torch.zeros(2, 8), present=torch.tensor([True, True]))
        >>> output = SimpleNamespace(label=torch.zeros(2, 3), encoded={"image": encoded, "text": encoded})
        >>> loss = UnimodalCrossEntropy(dim=8, modalities=["image", "text"], num_classes=3)
        >>> _ = [nn.init.zeros_(parameter) for parameter in loss.parameters()]
        >>> round(loss(output, SimpleNamespace(label=torch.tensor([0, 2]))).item(), 4)  # 2 log 3: equal logits
        2.1972
    """

    def __init__(self, dim: int, modalities: list[str], num_classes: int) -> None:
        super().__init__()
        if not modalities or not set(modalities) <= set(MODALITIES):
            raise ValueError(
                f"loss.terms.unimodal.modalities must be one or more of {', '.join(MODALITIES)}, got {modalities}"
            )
        self.classifiers = nn.ModuleDict({m: nn.Linear(dim, num_classes) for m in modalities})

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Average over the samples with the modality, sum over modalities, in nats: -> scalar; 0 if all are absent."""
        total = output.label.new_zeros(())
        for m, classifier in self.classifiers.items():
            present = output.encoded[m].present
            each = nn.functional.cross_entropy(classifier(output.encoded[m].pooled), batch.label, reduction="none")
            mean = (each * present).sum() / present.sum().clamp(min=1)
            total = total + global_mean(mean, present.sum(), self.training)
        return total
