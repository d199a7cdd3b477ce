"""Contrastive loss whose only positive is the very pair, as CLIP has it.

Radford et al. 2021, https://arxiv.org/abs/2103.00020. On captions that repeat it pushes equals apart.
"""

import torch
from torch import Tensor

from multimodal.loss.multi_positive_infonce import MultiPositiveInfoNCE


class InfoNCE(MultiPositiveInfoNCE):
    """Every other sample of the batch is a negative; see `MultiPositiveInfoNCE` for the arguments."""

    def positives(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, B) bool: the diagonal."""
        return torch.eye(len(tokens), dtype=torch.bool, device=tokens.device)
