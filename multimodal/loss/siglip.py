"""Contrastive loss of independent pairs: a binary classification of each image with each caption, match or not.

Zhai et al. 2023, Sigmoid Loss for Language Image Pre-Training (SigLIP), https://arxiv.org/abs/2303.15343.
Differs: all samples with equal captions match; the scale is at most 100, as in CLIP.
"""

import math

import torch
from torch import Tensor, nn

from multimodal.checks import check_flag, check_number
from multimodal.loss.multi_positive_infonce import normalized_pairs
from multimodal.types import Batch, Output


class SigLIP(nn.Module):
    """Compute the binary cross-entropy over all pairs of the batch.

    Args:
        temperature: divides the cosine similarities, 0.01 or more; the initial value if it is learned.
        learned: whether temperature and bias are trained.
        bias: added to every score; initially far below 0, because nearly all pairs are negatives.

    Raises:
        ValueError: if a setting has a wrong type or the temperature is below 0.01.

    Example:
        >>> from types import SimpleNamespace
        >>> def encoded(pooled):
        ...     return SimpleNamespace(pooled=pooled, present=torch.ones(len(pooled), dtype=torch.bool))
        >>> output = SimpleNamespace(encoded={"image": encoded(torch.eye(2)), "text": encoded(torch.eye(2))})
        >>> batch = SimpleNamespace(tokens=torch.tensor([[4], [5]]))
        >>> loss = SigLIP(temperature=1.0, learned=False, bias=0.0)(output, batch)
        >>> round(loss.item(), 4)  # log(1 + exp(-1)) for the match, log 2 for the other
        1.0064
    """

    def __init__(self, temperature: float, learned: bool, bias: float) -> None:
        super().__init__()
        check_number("loss.terms.contrastive", least=0.01, temperature=temperature)
        check_flag("loss.terms.contrastive", learned=learned)
        self.logit_scale = nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learned)
        self.bias = nn.Parameter(torch.tensor(float(bias)), requires_grad=learned)

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Sum over each image's pairs, average over samples with both modalities, in nats: -> scalar; 0 if none."""
        x, y, both, tokens = normalized_pairs(output, batch, self.training)
        with torch.no_grad():
            self.logit_scale.clamp_(max=math.log(100))
        score = x @ y.T * self.logit_scale.exp() + self.bias
        equal = (tokens[:, None] == tokens[None]).all(-1)
        loss = nn.functional.binary_cross_entropy_with_logits(score, equal.to(score.dtype), reduction="none")
        return (loss * (both[:, None] & both[None])).sum() / both.sum().clamp(min=1)
