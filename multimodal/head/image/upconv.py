"""Image head: transposed convolutions that double the resolution until the image is reached.

The generator of Radford et al. 2016, DCGAN, https://arxiv.org/abs/1511.06434, with GroupNorm instead of BatchNorm,
which shares no statistics between samples.
Differs: a coarse image, linear in z, is added to the output of the convolutions (skip connections to the output as in
StyleGAN2, Karras et al. 2020, https://arxiv.org/abs/1912.04958). The linear part learns colours and layout within few
steps, and the convolutions learn the details.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import check_multiple


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
        width: channels of the last feature map, a multiple of 8; each map before it has twice as many, up to 8 times.

    Raises:
        ValueError: `image_size` or `width` is not such a multiple.
    """

    def __init__(self, dim: int, channels: int, image_size: int, width: int) -> None:
        super().__init__()
        check_multiple("head.image", 8, "GroupNorm's groups", width=width)
        size, doublings = upsampling_plan(image_size)
        widths = [width * min(8, 2 ** (doublings - 1 - i)) for i in range(doublings)]
        self.start = nn.Sequential(
            nn.Linear(dim, widths[0] * size * size), nn.Unflatten(1, (widths[0], size, size)), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        for inputs, outputs in zip(widths, [*widths[1:], width], strict=True):
            blocks += [*self.doubling(inputs, outputs), nn.GroupNorm(outputs // 8, outputs), nn.ReLU()]
        self.blocks = nn.Sequential(*blocks)
        self.to_image = nn.Conv2d(width, channels, kernel_size=3, padding=1)
        self.coarse = nn.Sequential(
            nn.Linear(dim, channels * (2 * size) ** 2),
            nn.Unflatten(1, (channels, 2 * size, 2 * size)),
            nn.Upsample(image_size, mode="bilinear"),
        )
        self.to(memory_format=torch.channels_last)  # a third faster on a CPU

    def doubling(self, inputs: int, outputs: int) -> list[nn.Module]:
        """Build the layers that map (B, inputs, H, W) to (B, outputs, 2 H, 2 W), without normalisation."""
        return [nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1, bias=False)]

    def forward(self, z: Tensor) -> Tensor:
        """Generate images: (B, D) -> (B, C, H, W) in [0, 1]."""
        start = self.start(z).contiguous(memory_format=torch.channels_last)
        return (self.to_image(self.blocks(start)) + self.coarse(z)).sigmoid()
