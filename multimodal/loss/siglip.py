"""Contrastive loss of pairs: each image with each caption is a question of its own, do they belong together.

Zhai et al. 2023, Sigmoid Loss for Language Image Pre-Training (SigLIP), https://arxiv.org/abs/2303.15343.
Differs: all samples with an equal caption belong together; the scale is 100 at the most, as CLIP's.
"""

import math

import torch
from torch import Tensor, nn

from multimodal.checks import check_flag, check_number
from multimodal.loss.distributed import gather
from multimodal.types import Batch, Output


class SigLIP(nn.Module):
    """Binary cross-entropy over all pairs of the batch.

    Args:
        temperature: divides the cosine similarities, 0.01 or more; the start when it is learned.
        learned: whether temperature and bias are trained.
        bias: added to every score; far below 0 at the start, since nearly all pairs are negatives.
    """

    def __init__(self, temperature: float, learned: bool, bias: float) -> None:
        super().__init__()
        check_number("loss.terms.contrastive", least=0.01, temperature=temperature)
        check_flag("loss.terms.contrastive", learned=learned)
        self.logit_scale = nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learned)
        self.bias = nn.Parameter(torch.tensor(float(bias)), requires_grad=learned)

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Sum over each image's pairs, mean over the images with both sides present, in nats; 0 if there is none."""
        image, text = output.encoded["image"], output.encoded["text"]
        both, tokens = image.present & text.present, batch.tokens
        x = nn.functional.normalize(image.pooled, dim=-1)
        y = nn.functional.normalize(text.pooled, dim=-1)
        if self.training:  # the negatives of all processes
            x, y, both, tokens = gather(x), gather(y), gather(both), gather(tokens)
        with torch.no_grad():
            self.logit_scale.clamp_(max=math.log(100))
        score = x @ y.T * self.logit_scale.exp() + self.bias
        equal = (tokens[:, None] == tokens[None]).all(-1)
        loss = nn.functional.binary_cross_entropy_with_logits(score, equal.to(score.dtype), reduction="none")
        return (loss * (both[:, None] & both[None])).sum() / both.sum().clamp(min=1)
