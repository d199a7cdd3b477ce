"""Peak signal-to-noise ratio of images in [0, 1], from torchmetrics, with an upper limit."""

from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio

CEILING = 100.0  # dB: the value for equal images, instead of infinity


def psnr(preds: Tensor, target: Tensor) -> Tensor:
    """Compute the PSNR of each image in decibels, at most 100.

    Args:
        preds: (B, C, H, W) float in [0, 1].
        target: (B, C, H, W) float in [0, 1].

    Returns:
        (B,).

    Example:
        >>> import torch
        >>> image = torch.zeros(1, 3, 4, 4)
        >>> psnr(image + 0.1, image).round()  # -20 log10(0.1)
        tensor([20.])
        >>> psnr(image, image)
        tensor([100.])
    """
    ratio = peak_signal_noise_ratio(preds, target, data_range=1.0, reduction="none", dim=(1, 2, 3))
    return ratio.clamp(max=CEILING)
