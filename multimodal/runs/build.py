"""From the config to data, model and loss."""

import json
import logging
from bisect import bisect_left
from functools import lru_cache, partial
from typing import Any, cast

import torch
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from multimodal.dataset.data import Data
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.model import MultimodalModel
from multimodal.paths import expanded
from multimodal.runs import composition  # noqa: F401  registers the resolver of conf/

log = logging.getLogger(__name__)

WIDTHS = range(1, 2**16)  # of a fusion's hidden layer, tried for `fusion_parameters`


def read_data(cfg: DictConfig, vocabulary: Vocabulary | None = None) -> Data:
    """Read the dataset, or return it as it was read before in this process.

    Args:
        cfg: the whole config.
        vocabulary: a checkpoint's; None makes one of the training captions.
    """
    settings = json.dumps(OmegaConf.to_container(cfg.dataset, resolve=True), sort_keys=True)
    words = None if vocabulary is None else tuple(vocabulary.words)
    return read_once(settings, words, () if cfg.dataset.path is None else files_state(cfg.dataset.path))


def files_state(path: str) -> tuple[tuple[str, int, int], ...]:
    """Return (path, size, time of change in ns) of each file of the data: after an edit it is read again."""
    place = expanded(path).resolve()
    files = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
    return tuple((str(file), file.stat().st_size, file.stat().st_ctime_ns) for file in files)


@lru_cache(maxsize=2)  # the jobs of a sweep share datasets; more would fill the memory
def read_once(settings: str, words: tuple[str, ...] | None, files: tuple[tuple[str, int, int], ...]) -> Data:
    """Read a dataset by its settings in JSON, and log its size; `files` tells one state of its files from another."""
    vocabulary = None if words is None else Vocabulary(list(words))
    config = json.loads(settings)
    node = OmegaConf.create({"dataset": config}).dataset  # so that an error names it
    data = instantiate(node, vocabulary=vocabulary, _convert_="all")
    counts = ", ".join(f"{len(split)} {name}" for name, split in data.splits.items())
    log.info("%s from %s: %s; %d words", data.name, data.source, counts, len(data.vocabulary))
    cut = data.card["captions"]["train"]["cut"]
    if cut > 0:
        log.warning(
            "%.1f %% of the training captions have over %d words and were cut; dataset.max_words reads more",
            100 * cut,
            config["max_words"],
        )
    return data


def with_sizes(cfg: DictConfig, data: Data) -> DictConfig:
    """Return a copy of the config that holds the sizes of the data."""
    return merged(cfg, {"sizes": data.sizes()})


def merged(cfg: DictConfig, values: dict[str, Any]) -> DictConfig:
    """Return a copy of the config that holds these values."""
    return cast(DictConfig, OmegaConf.merge(cfg, values))


def build_loss(cfg: DictConfig, data: Data | None = None) -> nn.Module:
    """Build the training loss, without the terms that read a head that the model lacks or that has losses of its own.

    Args:
        cfg: the whole config.
        data: whose sizes the parts get; None for a config that holds them.
    """
    cfg = cfg if data is None else with_sizes(cfg, data)
    settings = cast(dict[str, Any], OmegaConf.to_container(cfg.loss, resolve=True))
    unread = {name for name, head in cfg.head.items() if head is None or hasattr(get_object(head._target_), "losses")}
    if unread and "terms" in settings:
        settings["terms"] = {name: term for name, term in settings["terms"].items() if head_of(term) not in unread}
    return instantiate(OmegaConf.create({"loss": settings}).loss, _convert_="all")  # so that an error names it


def head_of(term: dict[str, Any]) -> str | None:
    """Return the head whose output a loss term reads, as its class states by `head`; None if it states none."""
    return getattr(get_object(term["_target_"]), "head", None)


def build_model(cfg: DictConfig, data: Data | None = None) -> MultimodalModel:
    """Build the parts in the config's order, so that one seed gives every fusion the same encoders.

    Args:
        cfg: the whole config.
        data: whose sizes the parts get; None for a config that holds them, such as a checkpoint's.
    """
    cfg = cfg if data is None else with_sizes(cfg, data)
    if cfg.sizes.num_classes is None:
        raise ValueError("the sizes of the data are not known yet: give `data` to build_model")
    return MultimodalModel(
        encoders=instantiate(cfg.encoder, _convert_="all"),
        missing=instantiate(cfg.missing, _convert_="all"),
        fusion=build_fusion(cfg),
        heads=instantiate(cfg.head, _convert_="all"),
    )


def build_fusion(cfg: DictConfig) -> nn.Module:
    """Build the fusion; `fusion_parameters` chooses `hidden` so that all fusions have the same parameter count."""
    if cfg.fusion_parameters is None:
        return instantiate(cfg.fusion, _convert_="all")
    hidden = matched_width(cfg)
    if hidden < cfg.dim // 2:
        log.warning(
            "fusion_parameters=%d leaves this fusion a hidden width of only %d: give more to be fair to it",
            cfg.fusion_parameters,
            hidden,
        )
    return instantiate(cfg.fusion, hidden=hidden, _convert_="all")


def matched_width(cfg: DictConfig) -> int:
    """Return the `hidden` width whose parameter count is nearest to `fusion_parameters`; ValueError if over 5 % off."""
    wanted = cfg.fusion_parameters
    if not isinstance(wanted, int) or wanted < 1:
        raise ValueError(f"fusion_parameters must be a whole number above 0, or null, got {wanted}")
    if "hidden" not in cfg.fusion:
        raise ValueError(f"fusion_parameters={wanted} sets fusion.hidden, which this fusion does not have")
    count = partial(count_parameters, cfg)
    above = 1 + bisect_left(WIDTHS, wanted, key=count)
    hidden = min({max(1, above - 1), above}, key=lambda width: abs(count(width) - wanted))
    nearest = count(hidden)
    if abs(nearest - wanted) > 0.05 * wanted:
        least = count(1)
        reach = f"at least {least:,}; give as many or more"
        if wanted >= least:
            reach = f"{nearest:,} at the nearest; give a number within 5 % of it"
        raise ValueError(f"fusion_parameters={wanted}: this fusion has {reach}")
    return hidden


def count_parameters(cfg: DictConfig, hidden: int) -> int:
    """Count the trainable parameters of a fusion with this width; takes no memory and draws no random number."""
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        fusion = instantiate(cfg.fusion, hidden=hidden, _convert_="all")
    return sum(p.numel() for p in fusion.parameters() if p.requires_grad)


def resolve(cfg: DictConfig, data: Data, precision: str) -> dict[str, Any]:
    """Return the config with every `${...}` filled in, and with what is known only now.

    Args:
        cfg: as composed.
        data: whose sizes are filled in.
        precision: what `training.precision` came to.
    """
    cfg = merged(with_sizes(cfg, data), {"training": {"precision": precision}})
    if cfg.fusion_parameters is not None:
        cfg = merged(cfg, {"fusion": {"hidden": matched_width(cfg)}})
    return as_dict(cfg)


def as_dict(cfg: DictConfig) -> dict[str, Any]:
    """Return plain values, every `${...}` filled in."""
    return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))
