"""Image head: nearest-neighbour upsampling, then convolution, which avoids checkerboard artifacts.

After Odena et al. 2016, Deconvolution and Checkerboard Artifacts, https://doi.org/10.23915/distill.00003.
Everything else is as in `upconv`.
"""

from torch import nn

from multimodal.head.image.upconv import UpConv


class ResizeConv(UpConv):
    """Generates an image from the joint representation; see `UpConv` for the arguments."""

    def doubling(self, inputs: int, outputs: int) -> list[nn.Module]:
        """Build the layers that map (B, inputs, H, W) to (B, outputs, 2 H, 2 W), without normalisation."""
        return [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)]

    def last_doubling(self, inputs: int, channels: int) -> list[nn.Module]:
        """Build the layers that map the last feature map (B, inputs, H / 2, W / 2) to (B, channels, H, W)."""
        return [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, channels, kernel_size=3, padding=1)]
