"""Mixture of experts: z is a sample from the Gaussian of one present modality, chosen at random.

After Shi et al. 2019, Variational Mixture-of-Experts Autoencoders (MMVAE), https://arxiv.org/abs/1911.03393.
Differs: one expert per sample and step instead of a pass for each (so the mixture is trained in expectation),
a plain bound instead of the importance-weighted one, Gaussians instead of Laplacians; in evaluation the heads read the
mixture's mean, which they never see in training. No expert reads two modalities, so the mixture cannot learn their
interaction, such as the operation that a caption applies to a pictured digit.
"""

import torch
from torch import nn

from multimodal.fusion.gaussian import Experts, choose, divergence, sample
from multimodal.fusion.layers import mean_of_present
from multimodal.types import Encoded, Fused


class MixtureOfExpertsFusion(nn.Module):
    """Fuse by a sample from one random expert in training, and by the mean of the mixture in evaluation.

    Args:
        dim: shared width D.
        modalities: input names.
        hidden: width of each expert's hidden layer.

    Raises:
        ValueError: if there are fewer than two modalities or a name is repeated.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = MixtureOfExpertsFusion(dim=8, modalities=["image", "text"], hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
        >>> list(fusion(encoded).aux_losses)
        ['kl']
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        self.experts = Experts(dim, modalities, hidden)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: pooled (B, D), present (B,)} -> z (B, D).

        Adds the auxiliary loss `kl`, the mean over the present experts, in nats per sample.
        """
        mean, log_variance, present = self.experts(encoded)
        kl = mean_of_present(divergence(mean, log_variance), present).mean()
        if not self.training:
            return Fused(mean_of_present(mean, present), aux_losses={"kl": kl})
        rows, chosen = torch.arange(len(mean), device=mean.device), choose(present)
        return Fused(sample(mean[rows, chosen], log_variance[rows, chosen]), aux_losses={"kl": kl})
