"""Product of experts: the product of the modalities' Gaussians and the prior; the smallest variance weighs most.

After Wu & Goodman 2018, Multimodal Generative Models for Scalable Weakly-Supervised Learning (MVAE),
https://arxiv.org/abs/1802.05335.
Differs: modality dropout replaces the paper's extra passes with single modalities; the loss sets the weight of the KL.
"""

from torch import nn

from multimodal.fusion.gaussian import Experts, divergence, product, sample
from multimodal.types import Encoded, Fused


class ProductOfExpertsFusion(nn.Module):
    """Fuse by a sample (training) or the mean (evaluation) of the product over the present modalities.

    Args:
        dim: shared width D.
        modalities: input names.
        hidden: width of each expert's hidden layer.

    Raises:
        ValueError: if there are fewer than two modalities or a name is repeated.

    Example:
        >>> import torch
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = ProductOfExpertsFusion(dim=8, modalities=["image", "text"], hidden=16)
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

        Adds the auxiliary loss `kl`, in nats per sample.
        """
        mean, log_variance = product(*self.experts(encoded))
        z = sample(mean, log_variance) if self.training else mean
        return Fused(z, aux_losses={"kl": divergence(mean, log_variance).mean()})
