"""The text side of a CLIP model (Radford et al. 2021, https://arxiv.org/abs/2103.00020), as transformers has it.

The features are its last hidden states, each projected as CLIP projects the one at the end of the caption; that one is
CLIP's embedding of the caption, which the pooled embedding reads.
"""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from multimodal.encoder.image.clip import build_tower
from multimodal.encoder.text.transformers import TransformersModel


class CLIPText(TransformersModel):
    """Text tower of a CLIP model with its projection, and trained layers to the shared width.

    Args:
        dim, name, weights, frozen, max_subwords: see `TransformersModel`; `name` is a CLIP model's.
    """

    option = "encoder/text=clip"

    def build_network(self, transformers: Any, config: Any, source: str, weights: str) -> Any:
        """Build the tower; ValueError for a model that is no CLIP."""
        tower = transformers.CLIPTextModelWithProjection
        return ProjectedText(build_tower(tower, config, "text_config", source, weights))

    def width_of(self, config: Any) -> int:
        """Return the width of CLIP's embeddings."""
        return int(config.projection_dim)

    def whole(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return the token at the end of each caption: (B, S, D), (B, S) bool -> (B, D)."""
        return tokens[torch.arange(len(tokens), device=tokens.device), mask.sum(1) - 1]


class ProjectedText(nn.Module):
    """Projects every hidden state of a CLIP model's text tower.

    Args:
        model: a CLIPTextModelWithProjection.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.config = model, model.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        """Compute the projected states: (B, S), (B, S) -> last_hidden_state (B, S, F)."""
        states = self.model.text_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return SimpleNamespace(last_hidden_state=self.model.text_projection(states))
