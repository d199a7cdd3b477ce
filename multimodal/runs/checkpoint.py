"""A checkpoint, opened again: its config with what the command line may change, and its model."""

import logging
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError

from multimodal.dataset.data import Data
from multimodal.model import MultimodalModel
from multimodal.runs.build import build_model
from multimodal.training.checkpoint_file import load_checkpoint

log = logging.getLogger(__name__)

# What the command line may change of a checkpoint's config, and what else it may say.
GENERATE_MAY_SET = ("mode", "checkpoint", "output_dir", "cache_dir", "tracking", "training.accelerator", "hydra")
EVALUATE_MAY_SET = (*GENERATE_MAY_SET, "resume", "evaluation", "dataset.path", "dataset.source", "dataset.columns")
GENERATE_MAY_SET += ("text", "image")


def open_checkpoint(cfg: DictConfig, may_set: tuple[str, ...]) -> tuple[Path, dict[str, Any], DictConfig]:
    """The checkpoint's file, what is in it, and its config with what the command line may change of it."""
    mode = HydraConfig.get().runtime.choices["mode"]
    file = checkpoint_file(cfg.checkpoint, mode)
    state = load_checkpoint(file)
    return file, state, with_overrides(state["config"], cfg, HydraConfig.get().overrides.task, may_set, mode)


def load_model(cfg: DictConfig, weights: dict[str, torch.Tensor], file: Path) -> MultimodalModel:
    """A checkpoint's model, where its trainer would have it; needs no data, whose sizes the config holds."""
    trainer = instantiate(cfg.training, _convert_="all")
    try:
        model = build_model(cfg)
    except (InstantiationException, ConfigAttributeError) as error:
        raise ValueError(f"{file} was made by another version of this package; train it again: {error}") from error
    load_weights(model, weights, file)
    return model.to(trainer.fabric.device)


def checkpoint_file(checkpoint: str | None, mode: str) -> Path:
    """A run's `best.pt`, or the file itself."""
    if checkpoint is None:
        raise ValueError(f"mode={mode} needs checkpoint=<a run's folder or file>")
    file = Path(checkpoint)
    file = file / "best.pt" if file.is_dir() else file
    if not file.is_file():
        raise ValueError(f"checkpoint: there is no {file}; give a run's folder or one of its .pt files")
    return file


def with_overrides(
    kept: dict[str, Any], cfg: DictConfig, overrides: list[str], may_set: tuple[str, ...], mode: str
) -> DictConfig:
    """A checkpoint's config, with what the command line may change of it."""
    names = given(overrides)
    refused = [n for n in names if not any(n == free or n.startswith((f"{free}.", f"{free}/")) for free in may_set)]
    if refused:
        what = "model and data" if mode == "evaluate" else "the model"
        raise ValueError(
            f"mode={mode} takes {what} from the checkpoint: {', '.join(refused)} cannot be set; "
            f"what can is {', '.join(may_set)}"
        )
    config = OmegaConf.create(kept)
    for name in names:
        if name.startswith(("dataset.", "training.", "evaluation")):
            OmegaConf.update(config, name, OmegaConf.select(cfg, name))
    OmegaConf.update(config, "evaluation.image_judge.cache", cfg.cache_dir)  # this machine's
    config.training.devices = 1  # one is enough to answer, whatever trained
    if "weights" in config.encoder.image:
        config.encoder.image.update(weights="none", frozen=False)  # the checkpoint has them
    return config


def given(overrides: list[str]) -> list[str]:
    """The names that a command line sets."""
    return [override.lstrip("+~").partition("=")[0] for override in overrides]


def load_weights(model: MultimodalModel, state: dict[str, torch.Tensor], file: Path) -> None:
    """ValueError if they are another model's."""
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{file} holds the weights of another model: {error}") from error


def check_same_data(config: dict[str, Any], data: Data, asked: bool) -> None:
    """Other data than the checkpoint's, unless asked for, is an error: its test samples may have been trained on."""
    if data.fingerprint == config["fingerprint"]:
        return
    difference = (
        f"the checkpoint learned from {config['data_source']} data {config['fingerprint']}, "
        f"this is {data.source} data {data.fingerprint}"
    )
    if not asked:
        raise ValueError(f"{difference}; give dataset.source and dataset.path to evaluate on other data")
    log.warning("%s: make sure that its test samples were not trained on", difference)
