"""Any torchvision classifier, by name; features are read from two of its layers by torchvision's feature extraction.

Tokens are the last feature map or sequence with at least 16 positions. The pooled embedding reads the input of the
classification layer and, at its position, every token, because an image cannot be reconstructed from a mean.
"""

import math
import warnings

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from multimodal.checks import check_one_of
from multimodal.encoder.backbone import TOKEN_FEATURES, Backbone, PretrainedEncoder, as_sequence, fixed_seed
from multimodal.encoder.image.resnet import IMAGENET_MEAN, IMAGENET_STD, read_weights
from multimodal.encoder.weights_file import load_weights
from multimodal.types import Encoded

POSITIONS = 16  # a feature map with fewer positions leaves almost nothing to attend to


class TorchvisionClassifier(PretrainedEncoder):
    """Torchvision classifier without its classification layer.

    Args:
        dim: shared width D.
        channels: C of the images, 1 or 3; grey images are repeated to RGB.
        image_size: H = W of the images, pixels.
        name: a name from `torchvision.models.list_models`.
        weights: `auto` (ImageNet weights if available, else random with a warning), `imagenet`, `none`
            (random), or the path of a state dict.
        frozen: True keeps the backbone as loaded; random ones are then the same in every run.
        size: images are first resized to this many pixels a side; None keeps them. A vision transformer needs the size
            it was built for.

    Raises:
        ValueError: there is no such classifier, it cannot read images of this size, or the weights cannot be loaded.
    """

    def __init__(
        self, dim: int, channels: int, image_size: int, name: str, weights: str, frozen: bool, size: int | None
    ) -> None:
        super().__init__()
        check_one_of("encoder.image", (1, 3), channels=channels)
        if name not in torchvision.models.list_models(module=torchvision.models):
            raise ValueError(
                f"encoder.image.name: torchvision has no classifier {name!r}; see torchvision.models.list_models()"
            )
        state, self.weights = read_weights(name, weights, frozen)
        with warnings.catch_warnings(), fixed_seed(frozen):
            # two old models warn of a future change of their initialisation
            warnings.simplefilter("ignore", FutureWarning)
            whole = torchvision.models.get_model(name, weights=None)
        if state is not None:
            load_weights(whole, state, weights, f"torchvision's {name}")
        self.size = size
        side = image_size if size is None else size
        nodes, shapes = select_nodes(whole, name, side)
        self.backbone = Backbone(create_feature_extractor(whole, nodes), frozen, "")
        self.code = f"torchvision {torchvision.__version__} {name} {side} {sorted(nodes)}"
        tokens, features = shapes
        self.shape = tokens[1:]  # (T, F)
        self.to_tokens = nn.Linear(tokens[-1], dim)
        self.narrow = nn.Linear(dim, TOKEN_FEATURES)
        self.norm = nn.LayerNorm(features[-1])
        self.to_pooled = nn.Linear(features[-1] + TOKEN_FEATURES * tokens[1], dim)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def features(self, image: Tensor) -> Tensor:
        """Compute tokens and pooled features, in a row: (B, C, H, W) -> (B, T * F + F')."""
        image = (image.expand(-1, 3, -1, -1) - self.mean) / self.std
        if self.size is not None:
            image = nn.functional.interpolate(image, self.size, mode="bilinear", antialias=True)
        outputs = self.backbone(image)
        return torch.cat([sequence(outputs["tokens"]).flatten(1), outputs["features"]], dim=1)

    def forward(self, image: Tensor, present: Tensor) -> Encoded:
        """Encode images (B, C, H, W), or features (B, T * F + F') -> Encoded with a token for each position."""
        row, split = self.read(image), self.shape.numel()
        tokens = self.to_tokens(row[:, :split].unflatten(1, self.shape))
        pooled = torch.cat([self.norm(row[:, split:]), self.narrow(tokens).flatten(1)], dim=1)
        token_mask = tokens.new_ones(tokens.shape[:2], dtype=torch.bool)
        return Encoded(self.to_pooled(pooled), tokens, token_mask, present)


def sequence(x: Tensor) -> Tensor:
    """Flatten positions: (B, F, h, w), (B, h, w, F) or (B, T, F) -> (B, T, F).

    A sequence of n^2 + 1 tokens comes from a vision transformer: its first token, CLS, has no position and is dropped.
    """
    if x.ndim == 4:
        return as_sequence(x)
    patches = x.shape[1] - 1
    return x[:, 1:] if math.isqrt(patches) ** 2 == patches else x


@torch.no_grad()
def select_nodes(model: nn.Module, name: str, side: int) -> tuple[dict[str, str], tuple[torch.Size, torch.Size]]:
    """Select the graph nodes of a classifier that give tokens and pooled features.

    Args:
        model: the classifier.
        name: its name, for messages.
        side: height and width of the images, pixels.

    Returns:
        {node: "tokens" or "features"}, and the shapes of the two outputs for two images, (2, T, F) and (2, F).

    Raises:
        ValueError: the model cannot read images of this size or has no feature map with enough positions.
    """
    training, evaluation = get_graph_node_names(model)
    names = [node for node in evaluation if node in set(training)][:-1]  # without the logits
    mode = model.training
    try:
        outputs = create_feature_extractor(model.eval(), names)(torch.zeros(2, 3, side, side))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ValueError(
            f"torchvision's {name} cannot read {side}x{side} pixels ({error}); set encoder.image.size=224"
        ) from error
    finally:
        model.train(mode)
    tensors = {node: x for node, x in outputs.items() if isinstance(x, Tensor) and x.ndim and len(x) == 2}
    maps = [node for node, x in tensors.items() if x.ndim in (3, 4) and sequence(x).shape[1] >= POSITIONS]
    flat = [node for node, x in tensors.items() if x.ndim == 2]
    if not maps or not flat:
        raise ValueError(
            f"torchvision's {name} has no feature map of {POSITIONS} positions or more for {side}x{side} pixels; "
            "set encoder.image.size to resize images to more pixels"
        )
    shapes = sequence(tensors[maps[-1]]).shape, tensors[flat[-1]].shape
    return {maps[-1]: "tokens", flat[-1]: "features"}, shapes
