"""Mixture of products of experts: a mixture over all subsets of modalities, each a product of its experts.

After Sutter et al. 2021, Generalized Multimodal ELBO (MoPoE), https://arxiv.org/abs/2105.02470.
Differs: one subset a sample and step instead of the whole mixture; the prior is a factor of every product; in
evaluation the heads read the mixture's mean.
"""

import torch
from torch import nn

from multimodal.fusion.gaussian import Experts, choose, divergence, product, sample, subsets
from multimodal.fusion.layers import mean_of_present
from multimodal.types import Encoded, Fused


class MoPoEFusion(nn.Module):
    """A draw from one subset's product in training; in evaluation the mean over the subsets of what is present.

    Args:
        dim: shared width D.
        modalities: input names.
        hidden: width of each expert's hidden layer.
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        self.experts = Experts(dim, modalities, hidden)
        self.register_buffer("subsets", subsets(len(modalities)), persistent=False)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: pooled (B, D), present (B,)} -> z (B, D); owes `kl`, the mean of the subsets', nats a sample."""
        mean, log_variance, present = self.experts(encoded)
        told = [product(mean, log_variance, members.expand_as(present)) for members in self.subsets]
        means, log_variances = (torch.stack(part, dim=1) for part in zip(*told, strict=True))  # (B, S, D)
        possible = (present[:, None] | ~self.subsets).all(-1)  # (B, S): all its members are there
        kl = mean_of_present(divergence(means, log_variances), possible).mean()
        if not self.training:
            return Fused(mean_of_present(means, possible), aux_losses={"kl": kl})
        rows, chosen = torch.arange(len(means), device=means.device), choose(possible)
        return Fused(sample(means[rows, chosen], log_variances[rows, chosen]), aux_losses={"kl": kl})
