"""Any image model of timm (https://github.com/huggingface/pytorch-image-models), by name.

The features are its last feature map or sequence.
"""

import logging
from typing import Any

import torch
from torch import Tensor, nn

from multimodal.checks import check_flag, check_one_of, check_whole
from multimodal.encoder.backbone import (
    Backbone,
    PretrainedImageEncoder,
    as_sequence,
    digest_of,
    fixed_seed,
    only_shapes,
)
from multimodal.encoder.extra import import_extra
from multimodal.encoder.hub import from_cache_without_network
from multimodal.encoder.weights_file import load_weights, read_weights_file
from multimodal.paths import expanded

log = logging.getLogger(__name__)


class TimmModel(PretrainedImageEncoder):
    """Model of timm without its classification layer, and trained layers to the shared width.

    Args:
        dim: shared width D.
        channels: C of the images, 1 or 3; grey images are repeated to RGB.
        image_size: H = W of the images, pixels.
        name: a name from `timm.list_models`.
        weights: `pretrained` (timm's own, cached or downloaded), `none` (random), or the path of a state dict.
        frozen: True keeps the backbone as loaded; random ones are then the same in every run.
        size: images are first resized to this many pixels a side; None keeps them.

    Raises:
        ValueError: timm is not installed or has no such model, the model cannot read images of this size, or the
            weights cannot be loaded.
    """

    def __init__(
        self, dim: int, channels: int, image_size: int, name: str, weights: str, frozen: bool, size: int | None
    ) -> None:
        super().__init__()
        check_one_of("encoder.image", (1, 3), channels=channels)
        check_flag("encoder.image", frozen=frozen)
        side = image_size if size is None else size
        check_whole("encoder.image", size=side)
        timm = import_extra("timm", "timm", "encoder/image=timm")
        if not timm.is_model(name):
            raise ValueError(f"encoder.image.name: timm has no model {name!r}; see timm.list_models()")
        with fixed_seed(frozen):
            network: Any = build_network(timm, name, weights)
        self.weights = "random" if weights == "none" else digest_of(network, "").hex()
        if frozen and weights == "none":
            log.warning("encoder.image.frozen=true with weights=none: the features are RANDOM, a baseline")
        self.code = f"timm {timm.__version__} {name} {side}"
        self.size, self.prefix = size, int(getattr(network, "num_prefix_tokens", 0))
        self.backbone = Backbone(network, frozen, "")
        settings = network.pretrained_cfg
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(settings["mean"]).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(settings["std"]).view(1, -1, 1, 1), persistent=False)
        self.build_layers(dim, *self.shape_of_features(name, side))

    @torch.no_grad()
    def shape_of_features(self, name: str, side: int) -> tuple[int, int]:
        """Return the number of tokens and their width; ValueError if the model cannot read images of this size."""
        mode = self.backbone.network.training
        try:
            self.backbone.network.eval()
            shape = self.features(torch.zeros(1, 3, side, side)).shape
        except (RuntimeError, AssertionError, ValueError) as error:
            raise ValueError(
                f"timm's {name} cannot read {side}x{side} pixels ({error}); set encoder.image.size=224"
            ) from error
        finally:
            self.backbone.network.train(mode)
        return shape[1], shape[2]

    def features(self, image: Tensor) -> Tensor:
        """Compute the last feature map or sequence: (B, C, H, W) -> (B, T, F)."""
        image = (image.expand(-1, 3, -1, -1) - self.mean) / self.std
        if self.size is not None:
            image = nn.functional.interpolate(image, self.size, mode="bilinear", antialias=True)
        x: Tensor = self.backbone(image)
        return x if x.ndim == 3 else as_sequence(x)


class FeatureMap(nn.Module):
    """Reads a timm model where its classifier begins.

    Args:
        model: of timm.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.pretrained_cfg: dict[str, Any] = model.pretrained_cfg
        self.num_prefix_tokens = int(getattr(model, "num_prefix_tokens", 0))

    def forward(self, image: Tensor) -> Tensor:
        """Compute the last feature map or sequence: (B, 3, H, W) -> (B, ...)."""
        features = self.model.forward_features(image)
        if not isinstance(features, Tensor):
            raise TypeError(
                f"timm's {type(self.model).__name__} has several feature maps, not one: choose another name"
            )
        return features


def build_network(timm: Any, name: str, weights: str) -> FeatureMap:
    """Build a model without its classification layer, with its weights."""
    if weights not in ("pretrained", "none") and not expanded(weights).is_file():
        raise ValueError(
            f"encoder.image.weights must be pretrained, none or the path of a file, but there is no file {weights}"
        )
    if weights == "pretrained" and not only_shapes():
        try:
            with from_cache_without_network():
                return FeatureMap(timm.create_model(name, pretrained=True, num_classes=0))
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ValueError(
                f"timm's weights for {name} are neither cached nor reachable ({reason}); "
                "set encoder.image.weights=<path of a state dict>, or none for random ones"
            ) from error
    network = timm.create_model(name, num_classes=0)
    if weights not in ("pretrained", "none") and not only_shapes():
        state = named_as_in_timm(timm, name, weights, network.state_dict())
        load_weights(network, state, weights, f"timm's {name}")
    return FeatureMap(network)


def named_as_in_timm(timm: Any, name: str, weights: str, own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Read a model's weights by their names; neither order nor shapes tell which layer a tensor is of.

    Args:
        timm: the package.
        name: of the model.
        weights: path of a state dict, with or without the classification layer.
        own: state dict of the model without its classification layer.

    Raises:
        ValueError: the file lacks a name of the model's, or has one that the model has not, as that of a deeper one.
    """
    state = read_weights_file(weights)
    with torch.device("meta"):
        whole = timm.create_model(name).state_dict()
    lacking = [key for key in own if key not in state]
    foreign = [key for key in state if key not in whole and key not in own]
    if lacking or foreign:
        found = [f"{verb} {names[0]}" for verb, names in (("lacks", lacking), ("has", foreign)) if names]
        raise ValueError(
            f"encoder.image.weights: {weights} does not name its tensors as timm's {name} does ({', '.join(found)}); "
            "give weights of this model, with timm's names: README.md, under Pretrained encoders, shows how to rename"
        )
    return {key: state[key] for key in own}
