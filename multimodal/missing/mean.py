"""Mean imputation of an absent modality, in the space of the embeddings.

Unconditional mean imputation (Little & Rubin 2002, Statistical Analysis with Missing Data, section 4.2.1).
Differs: a running mean, as in BatchNorm, because the encoders change during training.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import check_number
from multimodal.missing.layers import fill
from multimodal.types import Encoded, masked_mean


class Mean(nn.Module):
    """Replaces the embeddings of an absent modality by running means over the samples that have it.

    Args:
        dim: shared width D.
        modalities: names of the inputs.
        momentum: weight of each new training batch in the running mean, above 0 and 1 at most.

    Raises:
        ValueError: the momentum is out of range.
    """

    def __init__(self, dim: int, modalities: list[str], momentum: float) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        check_number("missing", above=0, most=1, momentum=momentum)
        self.momentum = momentum
        for m in modalities:
            self.register_buffer(f"pooled_{m}", torch.zeros(dim))
            self.register_buffer(f"token_{m}", torch.zeros(dim))

    def forward(self, encoded: dict[str, Encoded]) -> dict[str, Encoded]:
        """Impute: {modality: Encoded} -> the same shapes; absent ones get the running means and one unmasked token.

        In training, the means are updated with this batch afterwards.
        """
        filled = {name: fill(e, *self.means(name)) for name, e in encoded.items()}
        if self.training:
            for name, e in encoded.items():
                self.update(name, e)
        return filled

    def means(self, name: str) -> tuple[Tensor, Tensor]:
        """Return the running means of the pooled embedding (D,) and of the mean token (D,)."""
        return getattr(self, f"pooled_{name}"), getattr(self, f"token_{name}")

    @torch.no_grad()
    def update(self, name: str, e: Encoded) -> None:
        """Update the running means with the present samples of all processes; no change if there are none."""
        weight, count = e.present[:, None].float(), total(e.present.sum())
        for mean, x in zip(self.means(name), (e.pooled, masked_mean(e.tokens, e.token_mask)), strict=True):
            current = total((weight * x.float()).sum(0)) / count.clamp(min=1)  # no matrix product: autocast rounds it
            mean.lerp_(current.to(mean.dtype), self.momentum * (count > 0))


def total(own: Tensor) -> Tensor:
    """Sum a tensor over all processes of a run, in place."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(own)
    return own
