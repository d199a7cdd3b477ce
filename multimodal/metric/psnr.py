"""Peak signal-to-noise ratio of images in [0, 1]: torchmetrics', with a ceiling."""

from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio

CEILING = 100.0  # dB: equal images score that instead of infinity


def psnr(preds: Tensor, target: Tensor) -> Tensor:
    """Compute the PSNR of each image in decibels, at most 100: (B, C, H, W) twice -> (B,)."""
    ratio = peak_signal_noise_ratio(preds, target, data_range=1.0, reduction="none", dim=(1, 2, 3))
    return ratio.clamp(max=CEILING)
