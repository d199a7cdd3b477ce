"""Vision transformer, small and from scratch (Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929).

Differs: the pooled embedding reads CLS and, at its position, every patch, because an image cannot be reconstructed from
a mean over patches.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import MOST_LAYERS, check_divides, check_whole
from multimodal.types import Encoded

PATCH_FEATURES = 16  # features of each patch that the pooled embedding reads


class ViT(nn.Module):
    """Self-attention between image patches; the patches are the tokens.

    Args:
        dim: shared width D.
        channels: C of the images.
        image_size: H = W, pixels.
        patch: side of a patch, pixels, a divisor of `image_size`.
        num_heads: attention heads, a divisor of D.
        num_layers: number of transformer layers.
        hidden: width of the feed-forward layers.

    Raises:
        ValueError: a size is not a whole number of 1 or more, or does not divide as stated.
    """

    def __init__(
        self, dim: int, channels: int, image_size: int, patch: int, num_heads: int, num_layers: int, hidden: int
    ) -> None:
        super().__init__()
        check_divides("encoder.image", image_size, "image_size", patch=patch)
        check_divides("encoder.image", dim, "dim", num_heads=num_heads)
        check_whole("encoder.image", most=MOST_LAYERS, num_layers=num_layers)
        check_whole("encoder.image", hidden=hidden)
        count = (image_size // patch) ** 2
        self.to_patches = nn.Conv2d(channels, dim, kernel_size=patch, stride=patch)
        self.cls = nn.Parameter(torch.randn(dim) * 0.02)
        self.position = nn.Parameter(torch.randn(count, dim) * 0.02)
        layer = nn.TransformerEncoderLayer(
            dim, num_heads, hidden, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, num_layers, nn.LayerNorm(dim), enable_nested_tensor=False)
        self.narrow = nn.Linear(dim, PATCH_FEATURES)
        self.to_pooled = nn.Linear(dim + PATCH_FEATURES * count, dim)

    def forward(self, image: Tensor, present: Tensor) -> Encoded:
        """Encode images: (B, C, H, W), (B,) bool -> Encoded with T = (H / patch)^2 patches as tokens."""
        patches = self.to_patches(image - 0.5).flatten(2).transpose(1, 2) + self.position
        x = self.layers(torch.cat([self.cls.expand(patches.shape[0], 1, -1).to(patches.dtype), patches], dim=1))
        tokens = x[:, 1:]
        pooled = self.to_pooled(torch.cat([x[:, 0], self.narrow(tokens).flatten(1)], dim=1))
        return Encoded(pooled, tokens, tokens.new_ones(tokens.shape[:2], dtype=torch.bool), present)
