"""Late fusion: each modality has its own classifier, and the prediction is the mean of their probabilities.

The sum rule of Kittler et al. 1998, On Combining Classifiers, https://doi.org/10.1109/34.667881.
Differs: a mean over the present modalities; captions and images are generated from the mean of the embeddings that
the classifiers read.
"""

import torch
from torch import nn

from multimodal.fusion.layers import check_several, mean_of_present, perceptron
from multimodal.types import Encoded, Fused


class LateFusion(nn.Module):
    """Fuse by averaging the probabilities of one classifier per modality, without interaction between modalities.

    Args:
        dim: shared width D.
        modalities: input names.
        num_classes: number of classes K.
        hidden: width of each modality's hidden layer.

    Raises:
        ValueError: if there are fewer than two modalities or a name is repeated.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = LateFusion(dim=8, modalities=["image", "text"], num_classes=3, hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
        >>> fusion(encoded).logits.shape
        torch.Size([2, 3])
    """

    def __init__(self, dim: int, modalities: list[str], num_classes: int, hidden: int) -> None:
        super().__init__()
        self.modalities = check_several(modalities)
        self.maps = nn.ModuleDict({m: perceptron(dim, hidden, dim) for m in modalities})
        self.classifiers = nn.ModuleDict({m: nn.Linear(dim, num_classes) for m in modalities})

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: pooled (B, D), present (B,)} -> z (B, D), logits (B, K) (the log of the mean probability)."""
        mapped = {m: self.maps[m](encoded[m].pooled) for m in self.modalities}
        present = torch.stack([encoded[m].present for m in self.modalities], dim=1)
        log_probability = torch.stack([self.classifiers[m](mapped[m]).log_softmax(-1) for m in self.modalities], dim=1)
        absent = ~present & present.any(1, keepdim=True)
        # a sum instead of a mean: the softmax removes the factor
        logits = log_probability.masked_fill(absent[..., None], -torch.inf).logsumexp(1)
        z = mean_of_present(torch.stack([mapped[m] for m in self.modalities], dim=1), present)
        return Fused(z, logits=logits.log_softmax(-1))
