"""Contrastive loss between the two encoders' pooled embeddings.

InfoNCE in both directions (CLIP, Radford et al. 2021, https://arxiv.org/abs/2103.00020) with several
positives per row (SupCon, Khosla et al. 2020, https://arxiv.org/abs/2004.11362, the version with the sum outside the
logarithm): samples with equal captions are positives of each other.
"""

import math

import torch
from torch import Tensor, nn

from multimodal.checks import check_flag, check_number
from multimodal.loss.distributed import gather
from multimodal.types import Batch, Output


class MultiPositiveInfoNCE(nn.Module):
    """Compute InfoNCE where every caption of the batch that equals the image's own is a positive.

    Args:
        temperature: divides the cosine similarities, 0.01 or more; the initial value if it is learned.
        learned: whether the temperature is trained (it stays at 0.01 or more, as in CLIP).

    Raises:
        ValueError: if a setting has a wrong type or the temperature is below 0.01.

    Example:
        >>> from types import SimpleNamespace
        >>> def encoded(pooled):
        ...     return SimpleNamespace(pooled=pooled, present=torch.ones(len(pooled), dtype=torch.bool))
        >>> output = SimpleNamespace(encoded={"image": encoded(torch.ones(2, 3)), "text": encoded(torch.ones(2, 3))})
        >>> batch = SimpleNamespace(tokens=torch.tensor([[4], [4]]))  # equal captions: two positives per row
        >>> loss = MultiPositiveInfoNCE(temperature=0.1, learned=True)(output, batch)
        >>> round(loss.item(), 4)  # log 2: the lowest possible value for two positives
        0.6931
    """

    def __init__(self, temperature: float, learned: bool) -> None:
        super().__init__()
        check_number("loss.terms.contrastive", least=0.01, temperature=temperature)
        check_flag("loss.terms.contrastive", learned=learned)
        self.logit_scale = nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learned)

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Compute the mean over samples with both modalities, in nats: -> scalar; 0 if there are fewer than two."""
        x, y, both, tokens = normalized_pairs(output, batch, self.training)
        with torch.no_grad():  # clamps the parameter itself: a clamped copy would stop its gradient
            self.logit_scale.clamp_(max=math.log(100))
        score = x @ y.T * self.logit_scale.exp()
        equal = self.positives(tokens)
        return (one_way(score, equal, both) + one_way(score.T, equal, both)) / 2

    def positives(self, tokens: Tensor) -> Tensor:
        """Return which image (row) matches which caption (column): (B, T) tokens -> (B, B) bool."""
        return (tokens[:, None] == tokens[None]).all(-1)


def normalized_pairs(output: Output, batch: Batch, training: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the pairs that a contrastive loss scores; in training those of all processes, for their negatives.

    Returns:
        Image and text embeddings (B, D) of length 1, samples with both modalities (B,) bool, captions (B, T).
    """
    image, text = output.encoded["image"], output.encoded["text"]
    both, tokens = image.present & text.present, batch.tokens
    x = nn.functional.normalize(image.pooled, dim=-1)
    y = nn.functional.normalize(text.pooled, dim=-1)
    return (gather(x), gather(y), gather(both), gather(tokens)) if training else (x, y, both, tokens)


def one_way(score: Tensor, positive: Tensor, both: Tensor) -> Tensor:
    """Compute the cross-entropy of each row's softmax with the uniform distribution over its positives.

    Args:
        score: (B, B) logits.
        positive: (B, B) bool.
        both: (B,) bool, samples with both modalities; rows and columns of the others are left out.

    Returns:
        Mean over the rows that count, in nats; 0 if there are none.

    Example:
        >>> one_way(torch.zeros(2, 2), torch.eye(2, dtype=torch.bool), torch.tensor([True, True]))  # log 2
        tensor(0.6931)
    """
    pair = both[:, None] & both[None]
    score = score.masked_fill(~both[None], torch.finfo(score.dtype).min)
    target = (positive & pair).to(score.dtype)
    target = target / target.sum(1, keepdim=True).clamp(min=1)
    loss = -(target * score.log_softmax(dim=1)).sum(1)  # 0 in rows without a pair
    return loss.sum() / both.sum().clamp(min=1)
