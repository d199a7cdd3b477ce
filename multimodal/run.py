"""What an experiment does, read from data to report; the only module that sees the config."""

import hashlib
import json
import logging
import statistics
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from multimodal.dataset.data import Data
from multimodal.dataset.vocabulary import Vocabulary
from multimodal.evaluation.evaluator import Results
from multimodal.model import MultimodalModel
from multimodal.sweep import recorded, write_json
from multimodal.training.checkpoint import load_checkpoint

log = logging.getLogger(__name__)

# What changes a result; tracking, paths and hardware do not.
KEYED = ("dataset", "encoder", "missing", "fusion", "head", "loss", "training", "seed", "dim")
NOT_KEYED = {"dataset": ("path", "hub", "embedded"), "training": ("devices", "accelerator")}
EVALUATE_MAY_SET = ("mode", "checkpoint", "output_dir", "cache_dir", "tracking", "evaluation", "dataset.path")
EVALUATE_MAY_SET += ("dataset.source", "training.accelerator", "hydra")


def unread(fact: str) -> None:
    """Stands for the resolver `data` until the data is read."""
    raise ValueError(f"${{data:{fact}}} is known only once the data is read")


OmegaConf.register_new_resolver("data", unread, replace=True)
OmegaConf.register_new_resolver("or", lambda value, other: other if value is None else value, replace=True)


def train(cfg: DictConfig) -> None:
    """Trains, evaluates, and writes the run's folder."""
    with recorded(lambda: job_folder(cfg, cfg.dataset.source), describe(cfg)) as status:
        trainer = instantiate(cfg.training, _convert_="all")  # a bad setting fails before the data is read
        loss = instantiate(cfg.loss, _convert_="all")
        data = read_data(cfg)
        status.folder = folder = job_folder(cfg, data.source)
        torch.manual_seed(cfg.seed)
        model = build_model(cfg)
        config = resolved(cfg, data, weights=getattr(model.encoders["image"], "weights", None))
        evaluation = instantiate(cfg.evaluation, _convert_="all")
        (folder / "config.yaml").write_text(OmegaConf.to_yaml(config))
        torch.manual_seed(cfg.seed)  # dropout draws the same whatever the model's size
        with open_tracking(cfg, folder, config) as tracking:
            kept = {"config": config, "vocabulary": data.vocabulary.words, "class_names": data.class_names}
            history = trainer.fit(model, loss, data, folder, cfg.seed, tracking.log, kept)
            results = evaluation["evaluator"].evaluate(model.cpu(), data)
            results.metrics |= cost(model, history)
            finish(folder, config, data, history, results, evaluation, tracking)


def evaluate(cfg: DictConfig) -> None:
    """Evaluates a checkpoint again, with its own config; `evaluation.*`, data path and tracking may differ."""
    file = checkpoint_file(cfg.checkpoint)
    state = load_checkpoint(file)
    given = HydraConfig.get().overrides.task
    refuse_model_overrides(given)
    kept = OmegaConf.create(state["config"])
    for name in ("evaluation", "tracking", "output_dir", "cache_dir"):
        kept[name] = cfg[name]
    for override in given:
        name, _, _ = override.partition("=")
        if name.startswith(("dataset.", "training.")):
            OmegaConf.update(kept, name, OmegaConf.select(cfg, name))
    data = read_data(kept, Vocabulary(state["vocabulary"]))
    if data.class_names != state["class_names"]:
        raise ValueError(f"{file} knows the classes {state['class_names']}, the data has {data.class_names}")
    folder = Path(cfg.output_dir) if cfg.output_dir else file.parent / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    kept.encoder.image = without_weights(kept.encoder.image)
    model = build_model(kept)
    load_weights(model, state["model"], file)
    model.to(instantiate(kept.training, _convert_="all").fabric.device)
    config = state["config"] | {"data_source": data.source, "fingerprint": data.fingerprint}
    evaluation = instantiate(kept.evaluation, _convert_="all")
    with open_tracking(cfg, folder, config) as tracking:
        results = evaluation["evaluator"].evaluate(model, data)
        finish(folder, config, data, state.get("history", []), results, evaluation, tracking)


def read_data(cfg: DictConfig, vocabulary: Vocabulary | None = None) -> Data:
    """Reads the dataset, and tells `${data:…}` its sizes."""
    data = instantiate(cfg.dataset, vocabulary=vocabulary, _convert_="all")
    facts = data.facts()
    OmegaConf.register_new_resolver("data", facts.__getitem__, replace=True)
    counts = ", ".join(f"{len(split)} {name}" for name, split in data.splits.items())
    log.info("%s from %s: %s; %d words", data.name, data.source, counts, len(data.vocabulary))
    return data


def build_model(cfg: DictConfig) -> MultimodalModel:
    """The parts in the config's order, so that one seed gives every fusion the same encoders."""
    return MultimodalModel(
        encoders=instantiate(cfg.encoder, _convert_="all"),
        missing=instantiate(cfg.missing, _convert_="all"),
        fusion=instantiate(cfg.fusion, _convert_="all"),
        heads=instantiate(cfg.head, _convert_="all"),
    )


def finish(
    folder: Path,
    config: dict[str, Any],
    data: Data,
    history: list[dict[str, float]],
    results: Results,
    evaluation: dict[str, Any],
    tracking: Any,
) -> None:
    """Writes numbers and figures, sends them to the tracker, and prints the main ones."""
    facts = {name: config[name] for name in ("choices", "data_source", "fingerprint", "image_weights", "seed")}
    write_json(folder / "metrics.json", results.as_json() | facts)
    title = f"{config['choices']['dataset']} ({data.source}), {config['choices']['fusion']} fusion, seed {config['seed']}"
    rates = config["training"]["modality_dropout"]
    figures = evaluation["figures"].draw(title, data, history, results, rates)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=150)
    tracking.summary(results.metrics)
    tracking.figures(figures)
    for name in MAIN_METRICS:
        value = results.metrics[name]
        log.info("  %-32s %s", name, "undefined" if value is None else f"{value:.3f}")
    log.info("%s: metrics.json, history.csv and %d figures are in %s", title, len(figures), folder)
