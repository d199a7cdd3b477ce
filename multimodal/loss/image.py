"""Reconstruction losses of the image: squared error for the colours, SSIM for the structure."""

from typing import cast

from torch import Tensor, nn

from multimodal.loss.distributed import global_mean
from multimodal.loss.ssim import ssim
from multimodal.types import Batch, Output


class ImageSquaredError(nn.Module):
    """Compute the mean squared error over all pixels and channels, intensities in [0, 1].

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> output, batch = (SimpleNamespace(image=torch.full((1, 3, 4, 4), value)) for value in (0.0, 0.5))
        >>> ImageSquaredError()(output, batch)
        tensor(0.2500)
    """

    head = "image"

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Compare: image (B, C, H, W) of output and batch -> scalar."""
        error = nn.functional.mse_loss(cast(Tensor, output.image), batch.image)
        return global_mean(error, len(batch.image), self.training)


class ImageDissimilarity(nn.Module):
    """Compute the mean of 1 - SSIM, which is 0 for equal images (Zhao et al. 2017, https://arxiv.org/abs/1511.08861).

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> output, batch = (SimpleNamespace(image=torch.full((1, 3, 12, 12), value)) for value in (0.0, 1.0))
        >>> f"{ImageDissimilarity()(output, batch):.3f}", f"{abs(ImageDissimilarity()(batch, batch)):.3f}"
        ('1.000', '0.000')
    """

    head = "image"

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Compare: image (B, C, H, W) of output and batch -> scalar in [0, 2]."""
        return global_mean(1 - ssim(cast(Tensor, output.image), batch.image).mean(), len(batch.image), self.training)
