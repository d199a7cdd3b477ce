"""Mixture of products of experts: one product of experts for each subset of modalities, and a mixture over them.

After Sutter et al. 2021, Generalized Multimodal ELBO (MoPoE), https://arxiv.org/abs/2105.02470.
Differs: one subset per sample and step instead of the whole mixture; the prior is a factor of every product; in
evaluation the heads read the mixture's mean.
"""

import torch
from torch import Tensor, nn

from multimodal.fusion.gaussian import Experts, choose, divergence, product, sample, subsets
from multimodal.fusion.layers import mean_of_present
from multimodal.types import Encoded, Fused


class MoPoEFusion(nn.Module):
    """Fuse by a sample from one random subset's product in training, and by the mixture's mean in evaluation.

    Only subsets of the present modalities count.

    Args:
        dim: shared width D.
        modalities: input names.
        hidden: width of each expert's hidden layer.

    Raises:
        ValueError: if there are fewer than two modalities or a name is repeated.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = MoPoEFusion(dim=8, modalities=["image", "text"], hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
        >>> list(fusion(encoded).aux_losses)
        ['kl']
    """

    subsets: Tensor

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        self.experts = Experts(dim, modalities, hidden)
        self.register_buffer("subsets", subsets(len(modalities)), persistent=False)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: pooled (B, D), present (B,)} -> z (B, D).

        Adds the auxiliary loss `kl`, the mean over the subsets of present modalities, in nats per sample.
        """
        mean, log_variance, present = self.experts(encoded)
        products = [product(mean, log_variance, members.expand_as(present)) for members in self.subsets]
        means, log_variances = (torch.stack(part, dim=1) for part in zip(*products, strict=True))  # (B, S, D)
        possible = (present[:, None] | ~self.subsets).all(-1)  # (B, S): all members are present
        kl = mean_of_present(divergence(means, log_variances), possible).mean()
        if not self.training:
            return Fused(mean_of_present(means, possible), aux_losses={"kl": kl})
        rows, chosen = torch.arange(len(means), device=means.device), choose(possible)
        return Fused(sample(means[rows, chosen], log_variances[rows, chosen]), aux_losses={"kl": kl})
