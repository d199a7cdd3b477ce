"""Residual network from torchvision (He et al. 2016, https://arxiv.org/abs/1512.03385).

Differs: tokens come from stage 3, because at 64 pixels stage 4 has only 2x2 positions to attend to. The pooled
embedding keeps an 8x8 grid of stage 2 and a 2x2 grid of stage 4, because an image cannot be reconstructed from a mean
over positions. Both grids are normalised: features after a ReLU have a large common mean, and without normalisation a
decoder needs hundreds of steps to learn the differences between images.
"""

import logging
import pickle
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from multimodal.checks import check_one_of
from multimodal.connectivity import answers
from multimodal.encoder.backbone import Backbone, PretrainedEncoder, fixed_seed
from multimodal.encoder.weights_file import load_weights, read_weights_file
from multimodal.paths import expanded
from multimodal.types import Encoded

log = logging.getLogger(__name__)

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def imagenet_weights(name: str, timeout: float = 3.0) -> dict[str, Tensor] | None:
    """Read torchvision's default weights from its cache or download them.

    Args:
        name: name of the torchvision model.
        timeout: seconds to wait for the server.

    Returns:
        The state dict, or None if it is not cached and the server does not answer in time.
    """
    weights = torchvision.models.get_model_weights(name).DEFAULT
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    if not cached.exists() and not answers(weights.url, timeout):
        return None
    try:
        return weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"ImageNet weights for {name} cannot be read ({type(error).__name__}): delete {cached}"
        ) from error


def read_weights(name: str, weights: str, frozen: bool) -> tuple[dict[str, Tensor] | None, str]:
    """Read a state dict.

    Args:
        name: name of the torchvision model.
        weights: `auto`, `imagenet`, `none` or the path of a state dict.
        frozen: whether they stay as they are; then `auto` does not fall back to random ones.

    Returns:
        The state dict, or None for random weights; and a description of the weights for the run's record.

    Raises:
        ValueError: ImageNet weights are not available, or the file does not exist or is not a state dict.
    """
    if weights == "none":
        if frozen:
            log.warning("encoder.image.frozen=true with random weights: the features are RANDOM, a baseline")
        return None, "random"
    if weights in ("auto", "imagenet"):
        state = imagenet_weights(name)
        if state is not None:
            return state, "imagenet"
        if weights == "imagenet" or frozen:
            alone = "for random features, a baseline" if frozen else "to train from scratch"
            raise ValueError(
                f"ImageNet weights for {name} are neither cached nor reachable; "
                f"set encoder.image.weights=none {alone}, or encoder.image.weights=<path of a state dict>"
            )
        log.warning(
            "ImageNet weights for %s are neither cached nor reachable: the encoder starts from RANDOM weights", name
        )
        return None, "random (imagenet out of reach)"
    file = expanded(weights)
    if not file.is_file():
        raise ValueError(
            f"encoder.image.weights must be auto, imagenet, none or the path of a file, but there is no file {weights}"
        )
    return read_weights_file(weights), str(file)


class Stages(nn.Module):
    """Reads the maps of three stages of a ResNet.

    Args:
        net: of torchvision.
    """

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the feature maps of stages 2, 3 and 4: (B, 3, H, W) -> three maps (B, F, h, w)."""
        net = self.net
        x = net.maxpool(net.relu(net.bn1(net.conv1(image))))
        second = net.layer2(net.layer1(x))
        third = net.layer3(second)
        return second, third, net.layer4(third)


class ResNet(PretrainedEncoder):
    """ResNet of torchvision without its classification layer.

    Args:
        dim: shared width D.
        channels: C of the images, 1 or 3; grey images are repeated to RGB.
        name: name of a torchvision ResNet, such as `resnet18`.
        weights: `auto` (ImageNet weights if available, else random with a warning), `imagenet`, `none`
            (random), or the path of a state dict.
        frozen: True keeps the backbone as loaded; random ones are then the same in every run.

    Raises:
        ValueError: `channels` is not 1 or 3, or the weights cannot be loaded.
    """

    def __init__(self, dim: int, channels: int, name: str, weights: str, frozen: bool) -> None:
        super().__init__()
        check_one_of("encoder.image", (1, 3), channels=channels)
        check_one_of("encoder.image", RESNETS, name=name)
        state, self.weights = read_weights(name, weights, frozen)
        with fixed_seed(frozen):
            net: Any = torchvision.models.get_model(name, weights=None)  # Any: its layers are read by name
        if state is not None:
            load_weights(net, state, weights, f"torchvision's {name}")
        middle = net.layer4[0].conv1.in_channels  # stage 3's channels
        shallow = net.layer3[0].conv1.in_channels  # stage 2's channels
        deep = net.fc.in_features
        self.channels = (shallow, middle, deep)
        self.to_tokens = nn.Linear(middle, dim)
        self.norm_stage2, self.norm_stage4 = nn.BatchNorm2d(shallow), nn.BatchNorm2d(deep)
        self.to_pooled = nn.Linear(64 * shallow + 4 * deep, dim)
        net.fc = nn.Identity()
        self.backbone = Backbone(Stages(net).to(memory_format=torch.channels_last), frozen, "")
        self.code = f"torchvision {torchvision.__version__} {name}"
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def features(self, image: Tensor) -> Tensor:
        """Compute all that is read: an 8x8 grid of stage 2, a 2x2 grid of stage 4, and stage 3, in a row (B, F)."""
        image = ((image.expand(-1, 3, -1, -1) - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        second, third, fourth = self.backbone(image)
        grids = nn.functional.adaptive_avg_pool2d(second, 8), nn.functional.adaptive_avg_pool2d(fourth, 2)
        return torch.cat([grids[0].flatten(1), grids[1].flatten(1), third.flatten(1)], dim=1)

    def forward(self, image: Tensor, present: Tensor) -> Encoded:
        """Encode images (B, C, H, W), or features (B, F) -> Encoded with T = h * w places of stage 3, h = H / 16."""
        features, (shallow, middle, deep) = self.read(image), self.channels
        grid2, grid4 = features[:, : 64 * shallow], features[:, 64 * shallow : 64 * shallow + 4 * deep]
        third = features[:, 64 * shallow + 4 * deep :].unflatten(1, (middle, -1))
        tokens = self.to_tokens(third.transpose(1, 2))
        token_mask = tokens.new_ones(tokens.shape[:2], dtype=torch.bool)
        stage2 = self.norm_stage2(grid2.unflatten(1, (shallow, 8, 8)))
        stage4 = self.norm_stage4(grid4.unflatten(1, (deep, 2, 2)))
        pooled = self.to_pooled(torch.cat([stage2.flatten(1), stage4.flatten(1)], dim=1))
        return Encoded(pooled, tokens, token_mask, present)
