"""Mixture of experts: one present modality's Gaussian, drawn by chance, speaks for all.

After Shi et al. 2019, Variational Mixture-of-Experts Autoencoders (MMVAE), https://arxiv.org/abs/1911.03393.
Differs: one expert a sample and step instead of a pass for each (so the mixture is trained in expectation),
a plain bound instead of the importance-weighted one, Gaussians instead of Laplacians; in evaluation the heads read the
mixture's mean, which no single expert told them in training. No expert reads two
modalities, so the mixture cannot add up what they say: a caption's operation on a digit is out of its reach.
"""

import torch
from torch import nn

from multimodal.fusion.gaussian import Experts, choose, divergence, sample
from multimodal.fusion.layers import mean_of_present
from multimodal.types import Encoded, Fused


class MixtureOfExpertsFusion(nn.Module):
    """A draw from one expert in training, the mean of the mixture in evaluation.

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
        """{name: pooled (B, D), present (B,)} -> z (B, D); owes `kl`, the mean of the experts', nats a sample."""
        mean, log_variance, present = self.experts(encoded)
        kl = mean_of_present(divergence(mean, log_variance), present).mean()
        if not self.training:
            return Fused(mean_of_present(mean, present), aux_losses={"kl": kl})
        rows, chosen = torch.arange(len(mean), device=mean.device), choose(present)
        return Fused(sample(mean[rows, chosen], log_variance[rows, chosen]), aux_losses={"kl": kl})
