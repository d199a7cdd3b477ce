"""Reconstruction of the image: squared error for the colours, SSIM for the structure."""

from torch import Tensor, nn

from multimodal.loss.distributed import global_mean
from multimodal.loss.ssim import ssim
from multimodal.types import Batch, Output


class ImageSquaredError(nn.Module):
    """Mean squared error over all pixels, intensities in [0, 1]."""

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """(B, C, H, W) -> scalar."""
        error = nn.functional.mse_loss(output.image, batch.image)
        return global_mean(error, len(batch.image), self.training)


class ImageDissimilarity(nn.Module):
    """DSSIM, 1 - SSIM: 0 for equal images (Zhao et al. 2017, https://arxiv.org/abs/1511.08861)."""

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """(B, C, H, W) -> scalar in [0, 2]."""
        return global_mean(1 - ssim(output.image, batch.image).mean(), len(batch.image), self.training)
