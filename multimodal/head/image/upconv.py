"""Image head: transposed convolutions that double the resolution until the image is reached.

The generator of Radford et al. 2016, DCGAN, https://arxiv.org/abs/1511.06434, with LayerNorm over the channels of each
position instead of BatchNorm, which shares statistics between samples.
Differs: the last doubling is a sub-pixel convolution (Shi et al. 2016, https://arxiv.org/abs/1609.05158), so that no
feature map has the full resolution, where most of the time would go. And a coarse image, linear in z, is added to the
output of the convolutions (skip connections to the output as in StyleGAN2, Karras et al. 2020,
https://arxiv.org/abs/1912.04958): the linear part learns colours and layout within few steps, the convolutions
learn the details.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.models.convnext import LayerNorm2d

from multimodal.checks import check_multiple, check_whole


def upsampling_plan(image_size: int) -> tuple[int, int]:
    """Choose the size of the first feature map: halve `image_size` twice, then while it is even and above 4.

    Returns:
        (height = width of the first map, number of doublings from there to `image_size`).

    Raises:
        ValueError: `image_size` is not a multiple of 4.
    """
    check_multiple("dataset", 4, "the image head doubles its maps", image_size=image_size)
    size, doublings = image_size // 4, 2
    while size % 2 == 0 and size > 4:
        size, doublings = size // 2, doublings + 1
    return size, doublings


class UpConv(nn.Module):
    """Generates an image from the joint representation.

    Args:
        dim: shared width D.
        channels: C of the images.
        image_size: H = W, pixels, a multiple of 4.
        width: channels of the last feature map, which has half the resolution of the image; each map before it has
            twice as many, up to 8 times.

    Raises:
        ValueError: `image_size` is not such a multiple, or `width` is not a whole number of 1 or more.
    """

    def __init__(self, dim: int, channels: int, image_size: int, width: int) -> None:
        super().__init__()
        check_whole("head.image", width=width)
        size, doublings = upsampling_plan(image_size)
        widths = [width * min(8, 2**i) for i in reversed(range(doublings))]
        self.start = nn.Sequential(
            nn.Linear(dim, widths[0] * size * size), nn.Unflatten(1, (widths[0], size, size)), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        for wide, narrow in pairwise(widths):
            blocks += [*self.doubling(wide, narrow), LayerNorm2d(narrow), nn.ReLU()]
        self.blocks = nn.Sequential(*blocks)
        self.to_image = nn.Sequential(*self.last_doubling(width, channels))
        self.coarse = nn.Sequential(
            nn.Linear(dim, channels * (2 * size) ** 2),
            nn.Unflatten(1, (channels, 2 * size, 2 * size)),
            nn.Upsample(image_size, mode="bilinear"),
        )
        self.to(memory_format=torch.channels_last)  # a third faster on a CPU

    def doubling(self, inputs: int, outputs: int) -> list[nn.Module]:
        """Build the layers that map (B, inputs, H, W) to (B, outputs, 2 H, 2 W), without normalisation."""
        return [nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1, bias=False)]

    def last_doubling(self, inputs: int, channels: int) -> list[nn.Module]:
        """Build the layers that map the last feature map (B, inputs, H / 2, W / 2) to (B, channels, H, W)."""
        return [nn.Conv2d(inputs, 4 * channels, kernel_size=3, padding=1), nn.PixelShuffle(2)]

    def forward(self, z: Tensor) -> Tensor:
        """Generate images: (B, D) -> (B, C, H, W) in [0, 1]."""
        start = self.start(z).contiguous(memory_format=torch.channels_last)
        return (self.to_image(self.blocks(start)) + self.coarse(z)).sigmoid()
