"""Product of experts: the modalities' Gaussians and the prior multiplied; who is sure decides.

After Wu & Goodman 2018, Multimodal Generative Models for Scalable Weakly-Supervised Learning (MVAE),
https://arxiv.org/abs/1802.05335.
Differs: the paper's extra passes with single modalities are our modality dropout; the KL is weighed by the loss.
"""

from torch import nn

from multimodal.fusion.gaussian import Experts, divergence, product, sample
from multimodal.types import Encoded, Fused


class ProductOfExpertsFusion(nn.Module):
    """The product over the present modalities.

    Args:
        dim: shared width D.
        modalities: input names.
        hidden: width of each expert's hidden layer.
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        self.experts = Experts(dim, modalities, hidden)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: pooled (B, D), present (B,)} -> z (B, D); owes `kl`, nats a sample."""
        mean, log_variance = product(*self.experts(encoded))
        z = sample(mean, log_variance) if self.training else mean
        return Fused(z, aux_losses={"kl": divergence(mean, log_variance).mean()})
