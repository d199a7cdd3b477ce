"""A classifier of torchvision by its name, read at two places by torchvision's own feature extraction.

Tokens are the last feature map, or sequence, with enough positions to choose from; the pooled embedding reads what
the classifier's last layer reads, and every token in its place, for a mean over positions cannot be redrawn.
"""

import math
import warnings

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from multimodal.checks import check_one_of
from multimodal.encoder.image.resnet import IMAGENET_MEAN, IMAGENET_STD, read_weights
from multimodal.types import Encoded

POSITIONS = 16  # a map of fewer has next to nothing to attend to
KEPT = 16  # features of each token that the pooled embedding reads


class TorchvisionClassifier(nn.Module):
    """A torchvision classifier without its last layer.

    Args:
        dim: shared width D.
        channels: C of the images; grey ones are read as RGB.
        image_size: H = W of the images, pixels.
        name: as `torchvision.models.list_models` has it.
        weights: `auto` (ImageNet if it can be had, else random, with a warning), `imagenet`, `none`
            or the file of a state dict.
        frozen: True keeps the backbone as loaded: no gradient, eval mode.
        size: pixels that images are resized to before, or null: as they are. A vision transformer wants its own.
    """

    def __init__(
        self, dim: int, channels: int, image_size: int, name: str, weights: str, frozen: bool, size: int | None
    ) -> None:
        super().__init__()
        check_one_of("encoder.image", (1, 3), channels=channels)
        if name not in torchvision.models.list_models(module=torchvision.models):
            raise ValueError(f"torchvision has no classifier {name!r}; it has efficientnet_b0, convnext_tiny, …")
        state, self.weights = read_weights(name, weights)
        if frozen and state is None:
            raise ValueError(f"frozen=true needs weights to keep, got weights={weights} ({self.weights})")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # two old models announce another initialisation
            whole = torchvision.models.get_model(name, weights=None)
        if state is not None:
            try:
                whole.load_state_dict(state)
            except RuntimeError as error:
                raise ValueError(f"{weights} does not hold the weights of a torchvision {name}: {error}") from error
        self.frozen, self.size = frozen, size
        side = image_size if size is None else size
        nodes, shapes = read_places(whole, name, side)
        self.backbone = create_feature_extractor(whole, nodes).requires_grad_(not frozen)
        tokens, features = shapes
        self.to_tokens = nn.Linear(tokens[-1], dim)
        self.narrow = nn.Linear(dim, KEPT)
        self.norm = nn.LayerNorm(features[-1])
        self.to_pooled = nn.Linear(features[-1] + KEPT * tokens[1], dim)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def train(self, mode: bool = True) -> "TorchvisionClassifier":
        """A frozen backbone stays in eval mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, image: Tensor, present: Tensor) -> Encoded:
        """(B, C, H, W), (B,) -> Encoded with a token for each position."""
        image = (image.expand(-1, 3, -1, -1) - self.mean) / self.std
        if self.size is not None:
            image = nn.functional.interpolate(image, self.size, mode="bilinear", antialias=True)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            seen = self.backbone(image)
        tokens = self.to_tokens(sequence(seen["tokens"]))
        pooled = torch.cat([self.norm(seen["features"]), self.narrow(tokens).flatten(1)], dim=1)
        token_mask = tokens.new_ones(tokens.shape[:2], dtype=torch.bool)
        return Encoded(self.to_pooled(pooled), tokens, token_mask, present)


def sequence(x: Tensor) -> Tensor:
    """(B, F, h, w), (B, h, w, F) as the Swin transformers and ConvNeXt have it, or (B, T, F) -> (B, T, F).

    A sequence of one more than a square is a vision transformer's: CLS before the patches, which is no place.
    """
    if x.ndim == 4:
        channels_last = x.shape[1] == x.shape[2] != x.shape[3]
        return x.flatten(1, 2) if channels_last else x.flatten(2).transpose(1, 2)
    patches = x.shape[1] - 1
    return x[:, 1:] if math.isqrt(patches) ** 2 == patches else x


@torch.no_grad()
def read_places(model: nn.Module, name: str, side: int) -> tuple[dict[str, str], tuple[torch.Size, torch.Size]]:
    """{node: "tokens" or "features"}, and the shapes of these two: (2, T, F) and (2, F)."""
    training, evaluation = get_graph_node_names(model)
    names = [node for node in evaluation if node in set(training)][:-1]  # without the answer
    mode = model.training
    try:
        seen = create_feature_extractor(model.eval(), names)(torch.zeros(2, 3, side, side))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ValueError(
            f"torchvision's {name} cannot read {side}x{side} pixels ({error}); give encoder.image.size=224"
        ) from error
    finally:
        model.train(mode)
    tensors = {node: x for node, x in seen.items() if isinstance(x, Tensor) and x.ndim and len(x) == 2}  # of samples
    maps = [node for node, x in tensors.items() if x.ndim in (3, 4) and sequence(x).shape[1] >= POSITIONS]
    flat = [node for node, x in tensors.items() if x.ndim == 2]
    if not maps or not flat:
        raise ValueError(
            f"torchvision's {name} has no feature map of {POSITIONS} positions for {side}x{side} pixels; "
            "give encoder.image.size, more pixels to resize to"
        )
    shapes = sequence(tensors[maps[-1]]).shape, tensors[flat[-1]].shape
    return {maps[-1]: "tokens", flat[-1]: "features"}, shapes
