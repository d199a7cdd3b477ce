"""Convolutional encoder: the last feature map gives the tokens and, flattened, the pooled embedding.

The first convolution has a stride (a "patchifying" stem as in ConvNeXt, Liu et al. 2022,
https://arxiv.org/abs/2201.03545, but its patches overlap), because most of the time of a small network goes into its
maps of full resolution. LayerNorm over the channels of each position (Ba et al. 2016, https://arxiv.org/abs/1607.06450)
rather than BatchNorm: it shares no statistics between samples, so an absent image cannot influence another sample, and
a batch of one works. On a CPU it costs a fraction of GroupNorm.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.models.convnext import LayerNorm2d

from multimodal.checks import check_whole
from multimodal.types import Encoded


def conv_block(in_channels: int, out_channels: int, kernel_size: int, stride: int) -> nn.Sequential:
    """Build a convolution that pads to keep the size but for its stride, LayerNorm over the channels, and ReLU."""
    padding = (kernel_size - 1) // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False),
        LayerNorm2d(out_channels),
        nn.ReLU(),
    )


class Residual(nn.Module):
    """Residual connection: adds the input of a block to its output."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """Compute x + block(x); the block keeps the shape of x."""
        return x + self.block(x)


class CNN(nn.Module):
    """A stem, then convolutional stages that halve the resolution, each with a residual block.

    Args:
        dim: shared width D.
        channels: C of the images.
        image_size: H = W, pixels.
        stem_stride: stride of the stem, pixels; its kernel reads 2 stride - 1 pixels a side, at least 3.
        widths: channels of the stem and of each stage.

    Raises:
        ValueError: there is no width, or a size is not a whole number of 1 or more.
    """

    def __init__(self, dim: int, channels: int, image_size: int, stem_stride: int, widths: list[int]) -> None:
        super().__init__()
        if not widths:
            raise ValueError("encoder.image.widths must have a width for the stem and each stage, got []")
        check_whole("encoder.image", most=image_size, stem_stride=stem_stride)
        for width in widths:
            check_whole("encoder.image", widths=width)
        stages: list[nn.Module] = [conv_block(channels, widths[0], max(3, 2 * stem_stride - 1), stem_stride)]
        size = -(-image_size // stem_stride)  # rounded up
        for narrow, wide in pairwise(widths):
            stages += [conv_block(narrow, wide, 3, stride=2), Residual(conv_block(wide, wide, 3, stride=1))]
            size = (size + 1) // 2
        self.stages = nn.Sequential(*stages)
        self.to_tokens = nn.Linear(widths[-1], dim)
        self.to_pooled = nn.Linear(widths[-1] * size * size, dim)
        self.stages.to(memory_format=torch.channels_last)  # a tenth faster on a CPU

    def forward(self, image: Tensor, present: Tensor) -> Encoded:
        """Encode images: (B, C, H, W), (B,) bool -> Encoded with T = h * w positions of the last feature map."""
        features = self.stages((image - 0.5).contiguous(memory_format=torch.channels_last))  # (B, width, h, w)
        tokens = self.to_tokens(features.flatten(2).transpose(1, 2))
        token_mask = tokens.new_ones(tokens.shape[:2], dtype=torch.bool)
        return Encoded(self.to_pooled(features.flatten(1)), tokens, token_mask, present)
