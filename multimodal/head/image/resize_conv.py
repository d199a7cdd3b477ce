"""Image head: enlarged by nearest neighbours, then convolved, which leaves no checkerboard.

Odena et al. 2016, Deconvolution and Checkerboard Artifacts, https://doi.org/10.23915/distill.00003; for the rest as
the head of transposed convolutions.
"""

from torch import nn

from multimodal.head.image.upconv import UpConv


class ResizeConv(UpConv):
    """Draws an image from the joint representation; see `UpConv` for the arguments."""

    def doubling(self, inputs: int, outputs: int) -> list[nn.Module]:
        """Layers from (B, inputs, H, W) to (B, outputs, 2 H, 2 W)."""
        return [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)]
