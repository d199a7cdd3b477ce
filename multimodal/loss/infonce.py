"""Contrastive loss with one positive per row, the image's own caption, as in CLIP.

Radford et al. 2021, https://arxiv.org/abs/2103.00020. If captions repeat, it treats equal captions as negatives.
"""

import torch
from torch import Tensor

from multimodal.loss.multi_positive_infonce import MultiPositiveInfoNCE


class InfoNCE(MultiPositiveInfoNCE):
    """Compute InfoNCE with all other samples of the batch as negatives; arguments as `MultiPositiveInfoNCE`.

    Example:
        >>> from types import SimpleNamespace
        >>> def encoded(pooled):
        ...     return SimpleNamespace(pooled=pooled, present=torch.ones(len(pooled), dtype=torch.bool))
        >>> output = SimpleNamespace(encoded={"image": encoded(torch.eye(2)), "text": encoded(torch.eye(2))})
        >>> batch = SimpleNamespace(tokens=torch.tensor([[4], [5]]))
        >>> loss = InfoNCE(temperature=1.0, learned=False)(output, batch)
        >>> round(loss.item(), 4)  # log(1 + exp(-1)): cosine 1 for the pair, 0 for the negative
        0.3133
    """

    def positives(self, tokens: Tensor) -> Tensor:
        """Return the diagonal: (B, T) -> (B, B) bool."""
        return torch.eye(len(tokens), dtype=torch.bool, device=tokens.device)
