"""Convolutional encoder: the last feature map gives the tokens and, flattened, the pooled embedding.

GroupNorm (Wu & He 2018, https://arxiv.org/abs/1803.08494) rather than BatchNorm: it shares no
statistics between samples, so an absent image cannot influence another sample, and a batch of one works.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from multimodal.checks import check_multiple
from multimodal.types import Encoded


def conv_block(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Build a 3x3 convolution, GroupNorm with 8 channels per group, and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(out_channels // 8, out_channels),
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
    """Convolutional stages; each one after the first halves the resolution.

    Args:
        dim: shared width D.
        channels: C of the images.
        image_size: H = W, pixels.
        widths: channels of each stage, multiples of 8.

    Raises:
        ValueError: there is no width, or one is not a multiple of 8.
    """

    def __init__(self, dim: int, channels: int, image_size: int, widths: list[int]) -> None:
        super().__init__()
        if not widths:
            raise ValueError("encoder.image.widths must have a width for each stage, one or more, got []")
        for width in widths:
            check_multiple("encoder.image", 8, "GroupNorm's groups", widths=width)
        stages: list[nn.Module] = [conv_block(channels, widths[0], stride=1)]
        for narrow, wide in pairwise(widths):
            stages += [conv_block(narrow, wide, stride=2), Residual(conv_block(wide, wide, stride=1))]
        self.stages = nn.Sequential(*stages)
        size = image_size
        for _ in widths[1:]:
            size = (size + 1) // 2
        self.to_tokens = nn.Linear(widths[-1], dim)
        self.to_pooled = nn.Linear(widths[-1] * size * size, dim)
        self.stages.to(memory_format=torch.channels_last)  # a tenth faster on a CPU

    def forward(self, image: Tensor, present: Tensor) -> Encoded:
        """Encode images: (B, C, H, W), (B,) bool -> Encoded with T = h * w positions of the last feature map."""
        features = self.stages((image - 0.5).contiguous(memory_format=torch.channels_last))  # (B, width, h, w)
        tokens = self.to_tokens(features.flatten(2).transpose(1, 2))
        token_mask = tokens.new_ones(tokens.shape[:2], dtype=torch.bool)
        return Encoded(self.to_pooled(features.flatten(1)), tokens, token_mask, present)
