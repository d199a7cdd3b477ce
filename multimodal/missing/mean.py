"""The mean of what was seen for an absent modality: imputation, in the space of the embeddings.

Unconditional mean imputation (Little & Rubin 2002, Statistical Analysis with Missing Data, section 4.2.1).
Differs: the mean moves while the encoders learn, as the statistics of BatchNorm do.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import check_number
from multimodal.missing.layers import fill
from multimodal.types import Encoded, masked_mean


class Mean(nn.Module):
    """Replaces an absent modality by running means of its present embeddings and of their mean tokens.

    Args:
        dim: shared width D.
        modalities: names of the inputs.
        momentum: share of a training batch in the running mean.
    """

    def __init__(self, dim: int, modalities: list[str], momentum: float) -> None:
        super().__init__()
        check_number("missing", above=0, most=1, momentum=momentum)
        self.momentum = momentum
        for m in modalities:
            self.register_buffer(f"pooled_{m}", torch.zeros(dim))
            self.register_buffer(f"token_{m}", torch.zeros(dim))

    def forward(self, encoded: dict[str, Encoded]) -> dict[str, Encoded]:
        """The same shapes; where present is False, the means of the batches before this one."""
        filled = {name: fill(e, *self.means(name)) for name, e in encoded.items()}
        if self.training:
            for name, e in encoded.items():
                self.update(name, e)
        return filled

    def means(self, name: str) -> tuple[Tensor, Tensor]:
        """(D,) of the embeddings, (D,) of the tokens."""
        return getattr(self, f"pooled_{name}"), getattr(self, f"token_{name}")

    @torch.no_grad()
    def update(self, name: str, e: Encoded) -> None:
        """Moves the means towards those of the samples that are present, in any process; stays where none is."""
        weight, count = e.present[:, None].float(), total(e.present.sum())
        for mean, seen in zip(self.means(name), (e.pooled, masked_mean(e.tokens, e.token_mask)), strict=True):
            found = total((weight * seen.float()).sum(0)) / count.clamp(min=1)  # no matrix product: autocast rounds it
            mean.lerp_(found, self.momentum * (count > 0))


def total(own: Tensor) -> Tensor:
    """Sum over all processes of a run."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(own)
    return own
