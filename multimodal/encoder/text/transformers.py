"""Any text model of Hugging Face's transformers, by its name on the hub or its folder.

Of a model of several parts its text encoder is read: that of a CLIP-like model, or of an encoder-decoder. Weights are
read from safetensors alone, and no code of a model's repository is run.
"""

import json
import logging
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from multimodal.checks import check_flag, check_one_of, check_whole
from multimodal.encoder.backbone import Backbone, PretrainedEncoder, digest_of, fixed_seed, only_shapes
from multimodal.encoder.extra import import_extra
from multimodal.encoder.hugging_face import load_pretrained, load_tokenizer, loading
from multimodal.encoder.text.subwords import pad_subwords, some_unmasked, split_subwords
from multimodal.types import Encoded, masked_mean

log = logging.getLogger(__name__)

OF_THE_PLACE = ("_name_or_path", "transformers_version", "dtype", "torch_dtype")  # entries of no meaning in a config


class TransformersModel(PretrainedEncoder):
    """Text model of transformers, and trained layers to the shared width; the pooled embedding reads the mean token.

    Args:
        dim: shared width D.
        name: of a model on the hub, or a folder.
        weights: `pretrained` (those of `name`) or `none` (random).
        frozen: True keeps the model as loaded; random weights are then the same in every run.
        max_subwords: longer captions are cut after this many subwords.

    Raises:
        ValueError: transformers is not installed, or the model or its tokenizer cannot be loaded.
    """

    option = "encoder/text=transformers"  # that builds it

    def __init__(self, dim: int, name: str | None, weights: str, frozen: bool, max_subwords: int) -> None:
        super().__init__()
        check_flag("encoder.text", frozen=frozen)
        check_one_of("encoder.text", ("pretrained", "none"), weights=weights)
        check_whole("encoder.text", max_subwords=max_subwords)
        transformers = import_extra("transformers", "transformers", self.option)
        if name is None:
            raise ValueError(f"{self.option} needs encoder.text.name=<a model on the hub, or a folder>")
        with loading("encoder.text.name", name) as source, fixed_seed(frozen):
            config = transformers.AutoConfig.from_pretrained(source)
            self.tokenizer: Any = load_tokenizer(transformers, source)
            network = self.build_network(transformers, config, source, weights)
        if frozen and weights == "none":
            log.warning("encoder.text.frozen=true with weights=none: the features are RANDOM, a baseline")
        settings = {key: value for key, value in config.to_dict().items() if key not in OF_THE_PLACE}
        content = json.dumps(settings, sort_keys=True, default=str) + self.tokenizer.backend_tokenizer.to_str()
        self.weights = digest_of(None if weights == "none" else network, f"{weights} {content}").hex()
        self.code = f"transformers {transformers.__version__} {type(network).__name__}"
        positions = getattr(network.config, "max_position_embeddings", None) or max_subwords
        self.max_subwords = min(max_subwords, positions, self.tokenizer.model_max_length)
        self.backbone = Backbone(network, frozen, content)
        width = self.width_of(network.config)
        self.norm = nn.LayerNorm(width)
        self.to_tokens = nn.Linear(width, dim)
        self.to_pooled = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim))

    def tokenize(self, captions: Sequence[str]) -> Tensor:
        """Split captions into subwords: N texts -> (N, S) int32, see `pad_subwords`."""
        if not captions:
            return pad_subwords([])
        return pad_subwords(self.tokenizer(list(captions), truncation=True, max_length=self.max_subwords)["input_ids"])

    def features(self, subwords: Tensor) -> Tensor:
        """Compute the last hidden states: (B, S) -> (B, S, F), 0 on padding."""
        numbers, mask = split_subwords(subwords)
        mask = some_unmasked(mask)
        states = self.backbone(input_ids=numbers, attention_mask=mask.long()).last_hidden_state
        return states.to(self.norm.weight.dtype) * mask[..., None]

    def forward(self, subwords: Tensor, present: Tensor) -> Encoded:
        """Encode captions (B, S), or their features (B, S, F) -> Encoded with the S subwords as tokens."""
        features = self.read(subwords)
        mask = some_unmasked(features.detach().abs().amax(-1) > 0)
        tokens = self.to_tokens(self.norm(features))
        return Encoded(self.to_pooled(self.whole(tokens, mask)), tokens, mask, present)

    def build_network(self, transformers: Any, config: Any, source: str, weights: str) -> Any:
        """Build a model's text encoder, with its weights."""
        if weights == "none" or only_shapes():
            return text_encoder(transformers.AutoModel.from_config(config))
        return load_pretrained(transformers.AutoModel, source, text_encoder)

    def width_of(self, config: Any) -> int:
        """Return the width of the features."""
        return int(config.hidden_size)

    def whole(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return what stands for the whole caption: (B, S, D), (B, S) bool -> (B, D)."""
        return masked_mean(tokens, mask)


def text_encoder(model: Any) -> Any:
    """Return the part of a model of transformers that encodes text."""
    if model.config.is_encoder_decoder:
        return model.get_encoder()
    return getattr(model, "text_model", model)
