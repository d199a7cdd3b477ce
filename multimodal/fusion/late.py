"""Late fusion: each modality decides alone, and the decision is the mean of their probabilities.

The sum rule of Kittler et al. 1998, On Combining Classifiers, https://doi.org/10.1109/34.667881.
Differs: a mean over the present modalities; captions and images, which are no decisions, are made from the
mean of the embeddings that the classifiers read.
"""

import torch
from torch import nn

from multimodal.fusion.layers import check_several, mean_of_present, perceptron
from multimodal.types import Encoded, Fused


class LateFusion(nn.Module):
    """Averages the probabilities of one classifier a modality. No interaction between modalities is possible.

    Args:
        dim: shared width D.
        modalities: input names.
        num_classes: K.
        hidden: width of each modality's hidden layer.
    """

    def __init__(self, dim: int, modalities: list[str], num_classes: int, hidden: int) -> None:
        super().__init__()
        self.modalities = check_several(modalities)
        self.maps = nn.ModuleDict({m: perceptron(dim, hidden, dim) for m in modalities})
        self.classifiers = nn.ModuleDict({m: nn.Linear(dim, num_classes) for m in modalities})

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: pooled (B, D), present (B,)} -> z (B, D), logits (B, K): logarithms of the mean probability."""
        mapped = {m: self.maps[m](encoded[m].pooled) for m in self.modalities}
        present = torch.stack([encoded[m].present for m in self.modalities], dim=1)
        said = torch.stack([self.classifiers[m](mapped[m]).log_softmax(-1) for m in self.modalities], dim=1)
        absent = ~present & present.any(1, keepdim=True)
        logits = said.masked_fill(absent[..., None], -torch.inf).logsumexp(1)  # a sum: softmax takes the factor out
        z = mean_of_present(torch.stack([mapped[m] for m in self.modalities], dim=1), present)
        return Fused(z, logits=logits.log_softmax(-1))
