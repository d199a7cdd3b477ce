"""What an experiment does, read from data to report; the only module that sees the config."""

import hashlib
import json
import logging
import statistics
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from multimodal.dataset.data import Data
from multimodal.dataset.near_duplicates import near_duplicates
from multimodal.dataset.vocabulary import Vocabulary
from multimodal.evaluation.cost import cost
from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.fill import check_fill
from multimodal.evaluation.generate import answer, likeliest, read_sample, write_png
from multimodal.evaluation.samples import sample_columns
from multimodal.model import MultimodalModel
from multimodal.report.figures import Figures
from multimodal.report.scores import score_rows, summary
from multimodal.tracking.wandb import WandbRun
from multimodal.training.checkpoint import load_checkpoint
from multimodal.training.history import read_csv, write_csv, write_json, write_parquet

log = logging.getLogger(__name__)

# What changes a result; tracking, paths and hardware do not.
KEYED = ("dataset", "caption", "encoder", "missing", "fusion", "head", "loss", "training", "seed", "dim")
NOT_KEYED = {"dataset": ("path", "hub", "embedded"), "training": ("devices", "accelerator")}
# What the command line may change of a checkpoint's config, and what else it may say.
GENERATE_MAY_SET = ("mode", "checkpoint", "output_dir", "cache_dir", "tracking", "training.accelerator", "hydra")
EVALUATE_MAY_SET = (*GENERATE_MAY_SET, "evaluation", "dataset.path", "dataset.source", "dataset.columns")
GENERATE_MAY_SET += ("text", "image")


def unread(fact: str) -> None:
    """Stands for the resolver `data` until the data is read."""
    raise ValueError(f"${{data:{fact}}} is known only once the data is read")


OmegaConf.register_new_resolver("data", unread, replace=True)
OmegaConf.register_new_resolver("or", lambda value, other: other if value is None else value, replace=True)


def train(cfg: DictConfig) -> Path:
    """Trains, evaluates, and writes the run's folder, which it returns."""
    if cfg.text is not None or cfg.image is not None:
        raise ValueError("text and image are for mode=generate, which needs checkpoint=<a run's folder or file>")
    trainer = instantiate(cfg.training, _convert_="all")  # a bad setting fails before the data is read
    loss = instantiate(cfg.loss, _convert_="all")
    evaluation = instantiate(cfg.evaluation, _convert_="all")
    check_fill(evaluation["fill"])
    data = read_data(cfg)
    torch.manual_seed(cfg.seed)
    model = build_model(cfg)
    config = resolved(cfg, data, model)
    folder = make_folder(cfg, config)
    with open_tracking(cfg, folder, config) as tracking:
        torch.manual_seed(cfg.seed)  # dropout draws the same whatever the model's size
        kept = {"config": config, "vocabulary": data.vocabulary.words, "class_names": data.class_names}
        history = trainer.fit(model, loss, data, folder, cfg.seed, tracking.log, kept)
        results = evaluation["evaluator"].evaluate(model, data, evaluation["fill"])
        results.metrics |= cost(model, data.splits["test"]) | training_speed(history)
        finish(folder, config, data, history, results, evaluation["figures"], tracking)
    return folder


def evaluate(cfg: DictConfig) -> Path:
    """Evaluates a checkpoint again, with its own config; `evaluation.*`, data path and tracking may differ."""
    file, state, kept = open_checkpoint(cfg, EVALUATE_MAY_SET)
    overrides = HydraConfig.get().overrides.task
    evaluation = instantiate(kept.evaluation, _convert_="all")
    model = load_model(kept, state["model"], file)  # before the data is read, so that a bad device fails early
    data = read_data(kept, Vocabulary(state["vocabulary"]))
    if data.class_names != state["class_names"]:
        raise ValueError(f"{file} knows the classes {state['class_names']}, the data has {data.class_names}")
    check_same_data(state["config"], data, asked=bool({"dataset.source", "dataset.path"} & set(given(overrides))))
    config = state["config"] | {"data_source": data.source, "fingerprint": data.fingerprint}
    folder = evaluation_folder(cfg, file, state["config"])
    history = read_csv(file.parent / "history.csv")
    with open_tracking(cfg, folder, config) as tracking:
        results = evaluation["evaluator"].evaluate(model, data, evaluation["fill"])
        results.metrics |= cost(model, data.splits["test"]) | training_speed(history)
        finish(folder, config, data, history, results, evaluation["figures"], tracking)
    return folder


def generate(cfg: DictConfig, width: int, classes: int, pixels: int) -> Path:
    """Draws a caption, describes an image, or both, with a checkpoint alone: no data is read.

    Args:
        cfg: `text` and `image` are what is given.
        width: of the beam search.
        classes: how many of the likeliest are named.
        pixels: a side, at least, of the enlarged view.
    """
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        raise ValueError("mode=generate answers one sample and has no metrics to sweep: give it without -m")
    inputs = {name: str(cfg[name]) for name in ("text", "image") if cfg[name] is not None}
    if not inputs:
        raise ValueError("mode=generate needs text=<a caption> or image=<an image file>, or both")
    file, state, kept = open_checkpoint(cfg, GENERATE_MAY_SET)
    model, vocabulary = load_model(kept, state["model"], file), Vocabulary(state["vocabulary"])
    ignored = sorted(set(inputs) - set(model.fusion.modalities))
    if ignored:
        raise ValueError(f"{file} fuses by {state['config']['choices']['fusion']}, which does not read {ignored[0]}")
    data, device = kept.dataset, next(model.parameters()).device
    batch = read_sample(inputs, vocabulary, data.max_words, data.image_size, data.channels, device)
    generated = answer(model, batch, width)
    print(f"class: {likeliest(generated.probability, state['class_names'], classes)}")
    if "image" in inputs:
        print(f"caption, greedy: {vocabulary.decode(generated.greedy)[0]}")
        print(f"caption, beam of {width}: {vocabulary.decode(generated.beam)[0]}")
    folder = Path(cfg.output_dir or file.parent / "generated")
    if "text" in inputs:
        name = "reconstruction" if "image" in inputs else "drawing"
        small, large = write_png(generated.image, folder, name, pixels)
        print(f"{name}: {small}, enlarged: {large}")
    return folder


def read_data(cfg: DictConfig, vocabulary: Vocabulary | None = None) -> Data:
    """Reads the dataset, and tells `${data:...}` its sizes."""
    data = instantiate(cfg.dataset, vocabulary=vocabulary, _convert_="all")
    OmegaConf.register_new_resolver("data", data.facts().__getitem__, replace=True)
    counts = ", ".join(f"{len(split)} {name}" for name, split in data.splits.items())
    log.info("%s from %s: %s; %d words", data.name, data.source, counts, len(data.vocabulary))
    cut = data.card["captions"]["train"]["cut"]
    if cut > 0:
        log.warning(
            "%.1f %% of the training captions have over %d words and were cut", 100 * cut, cfg.dataset.max_words
        )
    return data


def build_model(cfg: DictConfig) -> MultimodalModel:
    """The parts in the config's order, so that one seed gives every fusion the same encoders."""
    return MultimodalModel(
        encoders=instantiate(cfg.encoder, _convert_="all"),
        missing=instantiate(cfg.missing, _convert_="all"),
        fusion=instantiate(cfg.fusion, _convert_="all"),
        heads=instantiate(cfg.head, _convert_="all"),
    )


def resolved(cfg: DictConfig, data: Data, model: MultimodalModel) -> dict[str, Any]:
    """The config with every `${...}` filled in, and what only the run could know."""
    config = OmegaConf.to_container(cfg, resolve=True)
    choices = HydraConfig.get().runtime.choices
    config["choices"] = {name: choice for name, choice in choices.items() if not name.startswith("hydra/")}
    config |= {"data_source": data.source, "fingerprint": data.fingerprint}
    return config | {"image_weights": getattr(model.encoders["image"], "weights", "random")}


def make_folder(cfg: DictConfig, config: dict[str, Any]) -> Path:
    """The run's folder with its `config.yaml`; an error if another experiment lives there."""
    name, key = run_name(config)
    multirun = HydraConfig.get().mode is RunMode.MULTIRUN
    folder = Path(cfg.output_dir or "runs") / name if multirun else Path(cfg.output_dir or f"runs/{name}")
    file = folder / "config.yaml"
    if file.exists() and run_name(OmegaConf.to_container(OmegaConf.load(file)))[1] != key:
        raise ValueError(f"{folder} holds another experiment; give another output_dir")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").unlink(missing_ok=True)  # of an earlier run: it says that this one is finished
    OmegaConf.save(OmegaConf.create(config), file)
    return folder


def evaluation_folder(cfg: DictConfig, file: Path, config: dict[str, Any]) -> Path:
    """Beside the checkpoint, or as `output_dir` says; never the folder of a training run."""
    folder = Path(cfg.output_dir or file.parent / "evaluation")
    if cfg.output_dir and HydraConfig.get().mode is RunMode.MULTIRUN:
        folder = folder / f"{run_name(config)[0]}-{file.stem}"
    if (folder / "last.pt").exists():
        raise ValueError(f"{folder} holds a training run; give another output_dir")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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


def run_name(config: dict[str, Any]) -> tuple[str, str]:
    """(folder name, key); the key hashes what changes the result."""
    keyed = {part: config[part] for part in KEYED}
    for part, names in NOT_KEYED.items():
        keyed[part] = {name: value for name, value in keyed[part].items() if name not in names}
    keyed["data"] = [config["data_source"], config["fingerprint"]]
    key = hashlib.sha256(json.dumps(keyed, sort_keys=True).encode()).hexdigest()[:8]
    return f"{config['choices']['dataset']}-{config['choices']['fusion']}-s{config['seed']}-{key}", key


def open_tracking(cfg: DictConfig, folder: Path, config: dict[str, Any]) -> WandbRun:
    """One run of the tracker; a sweep's runs share the group of their common folder."""
    choices = config["choices"]
    tags = [choices["dataset"], choices["fusion"], config["data_source"]]
    return instantiate(cfg.tracking).open(folder, folder.name, folder.resolve().parent.name, tags, config)


def finish(
    folder: Path,
    config: dict[str, Any],
    data: Data,
    history: list[dict[str, float]],
    results: Results,
    figures: Figures,
    tracking: WandbRun,
) -> None:
    """Writes numbers and figures, sends them to the tracker, and prints the main ones."""
    facts = {name: config[name] for name in ("choices", "seed", "data_source", "fingerprint", "image_weights")}
    choices = config["choices"]
    title = f"{choices['dataset']} ({data.source}), {choices['fusion']} fusion, seed {config['seed']}"
    pairs = near_duplicates(data.splits["train"].image, data.splits["test"].image)
    card = data.card | {"near_duplicates": [{"test": test, "train": train} for test, train in pairs]}
    drawn = figures.draw(title, data, history, results, config["training"]["modality_dropout"], card)
    for name, figure in drawn.items():
        figure.savefig(folder / f"{name}.png", dpi=150)
    write_json(folder / "data_card.json", card)
    for name, rows in (data.tables | {"scores": score_rows(results)}).items():
        write_csv(rows, folder / f"{name}.csv")
    write_parquet(sample_columns(data, results), folder / "predictions.parquet")
    tracking.config({"data_card": card})
    tracking.summary(results.metrics)
    tracking.figures(drawn)
    write_json(folder / "metrics.json", results.as_json() | facts)  # last: it says that the run is finished
    for line in summary(results):
        log.info(line)
    if results.attention is None:
        log.info("  no attention figure: %s fusion does not attend", choices["fusion"])
    log.info("%s: metrics.json, scores.csv, predictions.parquet and %d figures are in %s", title, len(drawn), folder)


def training_speed(history: list[dict[str, float]]) -> dict[str, float]:
    """Samples a second in training, median over the run; nothing for a bare checkpoint, which has no history."""
    speeds = [row["train/samples_per_s"] for row in history]
    return {"cost/train_samples_per_s": statistics.median(speeds)} if speeds else {}


def open_checkpoint(cfg: DictConfig, may_set: tuple[str, ...]) -> tuple[Path, dict[str, Any], DictConfig]:
    """The checkpoint's file, what is in it, and its config with what the command line may change of it."""
    mode = HydraConfig.get().runtime.choices["mode"]
    file = checkpoint_file(cfg.checkpoint, mode)
    state = load_checkpoint(file)
    return file, state, with_overrides(state["config"], cfg, HydraConfig.get().overrides.task, may_set, mode)


def load_model(cfg: DictConfig, weights: dict[str, torch.Tensor], file: Path) -> MultimodalModel:
    """A checkpoint's model, where its trainer would have it; needs no data, whose sizes the config holds."""
    trainer = instantiate(cfg.training, _convert_="all")
    model = build_model(cfg)
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
    config.evaluation.evaluator.image_judge.cache = cfg.cache_dir  # this machine's
    for name in names:
        if name.startswith(("dataset.", "training.", "evaluation")):
            OmegaConf.update(config, name, OmegaConf.select(cfg, name))
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
