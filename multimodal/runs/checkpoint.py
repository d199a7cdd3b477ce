"""Open a checkpoint: its config with what the command line may change, and its model."""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError

from multimodal.dataset.data import Data
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.model import MultimodalModel
from multimodal.runs.build import build_model
from multimodal.runs.composition import Composition
from multimodal.runs.record import RunRecord, record_from
from multimodal.training.checkpoint_file import load_checkpoint

log = logging.getLogger(__name__)

# settings that the command line may give beside a checkpoint
BOTH_MAY_SET = ("mode", "checkpoint", "output_dir", "cache_dir", "tracking", "training.accelerator", "hydra")
EVALUATE_MAY_SET = (*BOTH_MAY_SET, "resume", "evaluation", "dataset.path", "dataset.source", "dataset.columns")
GENERATE_MAY_SET = (*BOTH_MAY_SET, "text", "image")


class Checkpoint(NamedTuple):
    """A trained model's file, opened.

    Args:
        file: its path.
        record: record of the run that trained it.
        config: the record's config with the command line's changes.
        weights: the model's state dict.
        vocabulary: words of the training captions.
        class_names: of the K labels.
    """

    file: Path
    record: RunRecord
    config: DictConfig
    weights: dict[str, torch.Tensor]
    vocabulary: Vocabulary
    class_names: list[str]


def open_checkpoint(composition: Composition, may_set: tuple[str, ...]) -> Checkpoint:
    """Read the checkpoint that the config names.

    Raises:
        ValueError: there is no such file, or the command line sets what only the checkpoint may set.
    """
    cfg, mode = composition.config, composition.choices["mode"]
    file = checkpoint_file(cfg.checkpoint, mode)
    state = load_checkpoint(file)
    record = record_from(state["record"], file)
    config = with_overrides(record.config, cfg, composition.overrides, may_set, mode)
    return Checkpoint(file, record, config, state["model"], Vocabulary(state["vocabulary"]), state["class_names"])


def load_model(checkpoint: Checkpoint) -> MultimodalModel:
    """Build a checkpoint's model on its trainer's device; no data is needed, because the config holds the sizes."""
    file = checkpoint.file
    trainer = instantiate(checkpoint.config.training, _convert_="all")
    try:
        model = build_model(checkpoint.config)
    except (InstantiationException, ConfigAttributeError) as error:
        raise ValueError(f"{file} was made by another version of this package; train it again: {error}") from error
    try:
        model.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        raise ValueError(f"{file} holds the weights of another model: {error}") from error
    return model.to(trainer.fabric.device)


def checkpoint_file(checkpoint: str | None, mode: str) -> Path:
    """Return a run's `best.pt`, or the file itself."""
    if checkpoint is None:
        raise ValueError(f"mode={mode} needs checkpoint=<a run's folder or file>")
    file = Path(checkpoint)
    file = file / "best.pt" if file.is_dir() else file
    if not file.is_file():
        raise ValueError(f"checkpoint: there is no {file}; give a run's folder or one of its .pt files")
    return file


def with_overrides(
    saved: dict[str, Any], cfg: DictConfig, overrides: list[str], may_set: tuple[str, ...], mode: str
) -> DictConfig:
    """Return a checkpoint's config with the command line's changes."""
    names = given(overrides)
    refused = [n for n in names if not any(n == free or n.startswith((f"{free}.", f"{free}/")) for free in may_set)]
    if refused:
        what = "model and data" if mode == "evaluate" else "the model"
        raise ValueError(
            f"mode={mode} takes {what} from the checkpoint: {', '.join(refused)} cannot be set; "
            f"these can: {', '.join(may_set)}"
        )
    config = OmegaConf.create(saved)
    for name in names:
        if name.startswith(("dataset.", "training.", "evaluation")):
            OmegaConf.update(config, name, OmegaConf.select(cfg, name))
    OmegaConf.update(config, "evaluation.image_judge.cache", cfg.cache_dir)  # this machine's
    config.training.devices = 1  # inference uses one device
    for encoder in config.encoder.values():
        in_checkpoint = {"weights": "none", "frozen": False}  # the checkpoint has the weights
        encoder.update({name: value for name, value in in_checkpoint.items() if name in encoder})
    return config


def given(overrides: list[str]) -> list[str]:
    """Return the names of the settings on a command line."""
    return [override.lstrip("+~").partition("=")[0] for override in overrides]


def check_same_data(checkpoint: Checkpoint, data: Data, requested: bool) -> None:
    """Raise ValueError for other data than the checkpoint's, whose test samples may have been trained on.

    Args:
        checkpoint: the trained model's.
        data: the data to evaluate on.
        requested: whether the command line names the data; then a warning is enough.
    """
    record = checkpoint.record
    if data.class_names != checkpoint.class_names:
        raise ValueError(
            f"{checkpoint.file} knows the classes {checkpoint.class_names}, the data has {data.class_names}"
        )
    if data.fingerprint == record.fingerprint:
        return
    difference = (
        f"the checkpoint learned from {record.data_source} data {record.fingerprint}, "
        f"this is {data.source} data {data.fingerprint}"
    )
    if not requested:
        raise ValueError(f"{difference}; give dataset.source and dataset.path to evaluate on other data")
    log.warning("%s: make sure that its test samples were not trained on", difference)
