"""Contrastive loss between the two encoders' pooled embeddings.

InfoNCE in both directions (CLIP, Radford et al. 2021, https://arxiv.org/abs/2103.00020) with several
positives a row (SupCon, Khosla et al. 2020, https://arxiv.org/abs/2004.11362, the sum outside the
logarithm): samples that share a caption are no negatives of each other.
"""

import math

import torch
from torch import Tensor, nn

from multimodal.checks import check_flag, check_number
from multimodal.loss.distributed import gather
from multimodal.types import Batch, Output


class MultiPositiveInfoNCE(nn.Module):
    """Pulls an image towards every equal caption of the batch, and back.

    Args:
        temperature: divides the cosine similarities, 0.01 or more; the start when it is learned.
        learned: whether the temperature is trained (kept at 0.01 or more, as in CLIP).
    """

    def __init__(self, temperature: float, learned: bool) -> None:
        super().__init__()
        check_number("loss.terms.contrastive", least=0.01, temperature=temperature)
        check_flag("loss.terms.contrastive", learned=learned)
        self.logit_scale = nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learned)

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Mean over the pairs with both sides present, in nats; 0 if fewer than two are."""
        image, text = output.encoded["image"], output.encoded["text"]
        both, tokens = image.present & text.present, batch.tokens
        x = nn.functional.normalize(image.pooled, dim=-1)
        y = nn.functional.normalize(text.pooled, dim=-1)
        if self.training:  # the negatives of all processes
            x, y, both, tokens = gather(x), gather(y), gather(both), gather(tokens)
        with torch.no_grad():  # the parameter itself: a clamped copy would give it no gradient to come back
            self.logit_scale.clamp_(max=math.log(100))
        score = x @ y.T * self.logit_scale.exp()
        equal = self.positives(tokens)
        return (one_way(score, equal, both) + one_way(score.T, equal, both)) / 2

    def positives(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, B) bool, which image belongs to which caption."""
        return (tokens[:, None] == tokens[None]).all(-1)


def one_way(score: Tensor, positive: Tensor, both: Tensor) -> Tensor:
    """Cross-entropy of each row with the uniform distribution over its positives, absent pairs left out."""
    pair = both[:, None] & both[None]
    score = score.masked_fill(~both[None], torch.finfo(score.dtype).min)
    target = (positive & pair).to(score.dtype)
    target = target / target.sum(1, keepdim=True).clamp(min=1)
    loss = -(target * score.log_softmax(dim=1)).sum(1)  # 0 in rows without a pair
    return loss.sum() / both.sum().clamp(min=1)
