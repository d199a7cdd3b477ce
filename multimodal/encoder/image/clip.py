"""The image side of a CLIP model (Radford et al. 2021, https://arxiv.org/abs/2103.00020), as transformers has it.

The features are its last hidden states, each projected as CLIP projects the classification token; that one is CLIP's
embedding of the image, which the pooled embedding reads.
"""

import json
import logging
from typing import Any

import torch
from torch import Tensor, nn

from multimodal.checks import check_flag, check_one_of, check_whole
from multimodal.encoder.backbone import Backbone, PretrainedImageEncoder, digest_of, fixed_seed, only_shapes
from multimodal.encoder.extra import import_extra
from multimodal.encoder.hugging_face import load_pretrained, loading
from multimodal.encoder.text.transformers import OF_THE_PLACE

log = logging.getLogger(__name__)


class CLIPImage(PretrainedImageEncoder):
    """Vision tower of a CLIP model with its projection, and trained layers to the shared width.

    Args:
        dim: shared width D.
        channels: C of the images, 1 or 3; grey images are repeated to RGB.
        model: of a CLIP model on the hub, or a folder.
        weights: `pretrained` (those of `model`) or `none` (random).
        frozen: True keeps the tower as loaded; random weights are then the same in every run.
        size: images are resized to this many pixels a side; None: to those that the model was trained on.

    Raises:
        ValueError: transformers is not installed, the model is no CLIP or cannot be loaded, or the size is too small.
    """

    def __init__(
        self, dim: int, channels: int, model: str | None, weights: str, frozen: bool, size: int | None
    ) -> None:
        super().__init__()
        check_one_of("encoder.image", (1, 3), channels=channels)
        check_flag("encoder.image", frozen=frozen)
        check_one_of("encoder.image", ("pretrained", "none"), weights=weights)
        transformers = import_extra("transformers", "transformers", "encoder=clip")
        if model is None:
            raise ValueError("encoder=clip needs encoder.image.model=<a CLIP model on the hub, or a folder>")
        with loading("encoder.image.model", model) as source, fixed_seed(frozen):
            network = build_network(transformers, source, weights)
        if frozen and weights == "none":
            log.warning("encoder.image.frozen=true with weights=none: the features are RANDOM, a baseline")
        config = network.model.config
        self.size = int(config.image_size) if size is None else size
        check_whole("encoder.image", int(config.patch_size), size=self.size)
        settings = {key: value for key, value in config.to_dict().items() if key not in OF_THE_PLACE}
        content = json.dumps(settings, sort_keys=True, default=str)
        self.weights = digest_of(None if weights == "none" else network, f"{weights} {content}").hex()
        self.code = f"transformers {transformers.__version__} {type(network).__name__} {self.size}"
        self.prefix = 1
        self.backbone = Backbone(network, frozen, content)
        self.mean: Tensor
        self.std: Tensor
        constants = transformers.image_utils
        self.register_buffer("mean", torch.tensor(constants.OPENAI_CLIP_MEAN).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(constants.OPENAI_CLIP_STD).view(1, -1, 1, 1), persistent=False)
        count = 1 + (self.size // int(config.patch_size)) ** 2
        self.build_layers(dim, count, int(config.projection_dim))

    def features(self, image: Tensor) -> Tensor:
        """Compute the projected states, the classification token's first: (B, C, H, W) -> (B, T, F)."""
        image = image.expand(-1, 3, -1, -1).float()  # on a CPU there is no bicubic interpolation in bf16
        image = nn.functional.interpolate(image, self.size, mode="bicubic", antialias=True).clamp(0, 1)
        return self.backbone((image.to(self.mean.dtype) - self.mean) / self.std)


class ProjectedImage(nn.Module):
    """Projects every hidden state of a CLIP model's vision tower.

    Args:
        model: a CLIPVisionModelWithProjection.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        """Compute the projected states: (B, 3, H, W) -> (B, T, F)."""
        tower = self.model.vision_model
        states = tower(pixel_values=image, interpolate_pos_encoding=True).last_hidden_state
        return self.model.visual_projection(tower.post_layernorm(states))


def build_network(transformers: Any, source: str, weights: str) -> ProjectedImage:
    """Build the vision tower of a model, with its weights; ValueError if it is no CLIP."""
    config = transformers.AutoConfig.from_pretrained(source)
    tower = transformers.CLIPVisionModelWithProjection
    return ProjectedImage(build_tower(tower, config, "vision_config", source, weights))


def build_tower(tower: Any, config: Any, side: str, source: str, weights: str) -> Any:
    """Build one tower of a CLIP model, with its weights unless they are random or only shapes are asked for.

    Args:
        tower: class of transformers.
        config: of the whole model.
        side: the tower's part of it, `vision_config` or `text_config`.
        source: a folder, or the model's name on the hub.
        weights: `pretrained` or `none`.

    Raises:
        ValueError: the model is no CLIP, or its weights are not those of this tower.
    """
    if config.model_type != "clip":
        raise ValueError(f"it is of the type {config.model_type}, not clip")
    if weights == "none" or only_shapes():
        return tower(getattr(config, side))
    return load_pretrained(tower, source, lambda model: model)
