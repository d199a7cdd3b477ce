"""From the config to data and model."""

import json
import logging
from bisect import bisect_left
from functools import partial
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from multimodal.dataset.data import Data
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.model import MultimodalModel

log = logging.getLogger(__name__)

WIDTHS = range(1, 2**16)  # of a fusion's hidden layer, tried for `fusion_parameters`
KEPT = 2  # datasets in memory: a sweep's jobs share them
read: dict[str, Data] = {}


def unread(fact: str) -> None:
    """Stands for the resolver `data` until the data is read."""
    raise ValueError(f"${{data:{fact}}} is known only once the data is read")


OmegaConf.register_new_resolver("data", unread, replace=True)
OmegaConf.register_new_resolver("or", lambda value, other: other if value is None else value, replace=True)


def read_data(cfg: DictConfig, vocabulary: Vocabulary | None = None) -> Data:
    """Reads the dataset, or remembers it, and tells `${data:...}` its sizes."""
    asked = OmegaConf.to_container(cfg.dataset, resolve=True) | {"words": vocabulary and vocabulary.words}
    key = json.dumps(asked, sort_keys=True)
    if key not in read:
        data = instantiate(cfg.dataset, vocabulary=vocabulary, _convert_="all")
        while len(read) >= KEPT:
            del read[next(iter(read))]
        read[key] = data
        say(data, cfg.dataset.max_words)
    data = read[key]
    OmegaConf.register_new_resolver("data", data.facts().__getitem__, replace=True)
    return data


def say(data: Data, max_words: int) -> None:
    """What was read, on the terminal."""
    counts = ", ".join(f"{len(split)} {name}" for name, split in data.splits.items())
    log.info("%s from %s: %s; %d words", data.name, data.source, counts, len(data.vocabulary))
    cut = data.card["captions"]["train"]["cut"]
    if cut > 0:
        told = "%.1f %% of the training captions have over %d words and were cut; dataset.max_words reads more"
        log.warning(told, 100 * cut, max_words)


def build_model(cfg: DictConfig) -> MultimodalModel:
    """The parts in the config's order, so that one seed gives every fusion the same encoders."""
    return MultimodalModel(
        encoders=instantiate(cfg.encoder, _convert_="all"),
        missing=instantiate(cfg.missing, _convert_="all"),
        fusion=build_fusion(cfg),
        heads=instantiate(cfg.head, _convert_="all"),
    )


def build_fusion(cfg: DictConfig) -> nn.Module:
    """As configured, or so wide that it has `fusion_parameters` of them: then a better fusion is not a bigger one."""
    width = {} if cfg.fusion_parameters is None else {"hidden": matched_width(cfg)}
    if width and width["hidden"] < cfg.dim // 2:
        log.warning(
            "fusion_parameters=%d leaves this fusion a hidden width of only %d: give more to be fair to it",
            cfg.fusion_parameters,
            width["hidden"],
        )
    return instantiate(cfg.fusion, **width, _convert_="all")


def matched_width(cfg: DictConfig) -> int:
    """The `hidden` that gives this fusion as many parameters as asked for; ValueError if none comes within 5 %."""
    wanted = cfg.fusion_parameters
    if not isinstance(wanted, int) or wanted < 1:
        raise ValueError(f"fusion_parameters must be a whole number above 0, or null, got {wanted}")
    if "hidden" not in cfg.fusion:
        raise ValueError(f"fusion_parameters={wanted} sets fusion.hidden, which this fusion does not have")
    given = HydraConfig.get().overrides.task if HydraConfig.initialized() else ()
    if any(override.startswith("fusion.hidden=") for override in given):
        raise ValueError("fusion_parameters sets fusion.hidden: give one of the two")
    count = partial(count_parameters, cfg)
    above = 1 + bisect_left(WIDTHS, wanted, key=count)
    hidden = min({max(1, above - 1), above}, key=lambda width: abs(count(width) - wanted))
    found = count(hidden)
    if abs(found - wanted) > 0.05 * wanted:
        raise ValueError(
            f"fusion_parameters={wanted}: this fusion has {count(1):,} at least, and {found:,} at its nearest"
        )
    return hidden


def count_parameters(cfg: DictConfig, hidden: int) -> int:
    """Trainable ones of a fusion with this width, which takes no memory and draws no random number."""
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        fusion = instantiate(cfg.fusion, hidden=hidden, _convert_="all")
    return sum(p.numel() for p in fusion.parameters() if p.requires_grad)


def resolved(cfg: DictConfig, data: Data, model: MultimodalModel) -> dict[str, Any]:
    """The config with every `${...}` filled in, and what only the run could know."""
    config = OmegaConf.to_container(cfg, resolve=True)
    choices = HydraConfig.get().runtime.choices
    config["choices"] = {name: choice for name, choice in choices.items() if not name.startswith("hydra/")}
    config |= {"data_source": data.source, "fingerprint": data.fingerprint}
    if cfg.fusion_parameters is not None:
        config["fusion"]["hidden"] = matched_width(cfg)
    config["overrides"] = list(HydraConfig.get().overrides.task)
    return config | {"image_weights": getattr(model.encoders["image"], "weights", "random")}
