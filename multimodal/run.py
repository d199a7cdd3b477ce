"""What an experiment does, read from data to report: the functions that `mode` chooses from."""

import logging
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from multimodal.comparison.pairwise_test import check_margin
from multimodal.comparison.report import write_report
from multimodal.dataset.data import Data
from multimodal.dataset.near_duplicates import near_duplicates
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.evaluation.evaluator import Evaluator, Results
from multimodal.evaluation.summary import score_rows, summary
from multimodal.figures.run_figures import RunFigures
from multimodal.inference import likeliest, predict_one, read_sample, write_png
from multimodal.io import read_csv, write_csv, write_json, write_parquet
from multimodal.runs.build import build_model, read_data, resolved
from multimodal.runs.checkpoint import (
    EVALUATE_MAY_SET,
    GENERATE_MAY_SET,
    check_same_data,
    given,
    load_model,
    open_checkpoint,
)
from multimodal.runs.run_dir import evaluation_folder, finished, locked, prepare_folder, run_folder, status_of
from multimodal.runs.run_id import code_of, digest, evaluation_key, run_name
from multimodal.tracking.wandb import WandbRun

log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> Path:
    """Trains, evaluates, and writes the run's folder, which it returns."""
    for_a_checkpoint = [name for name in ("checkpoint", "text", "image") if cfg[name] is not None]
    if for_a_checkpoint:
        raise ValueError(f"{for_a_checkpoint[0]} is for a trained model: give mode=evaluate or mode=generate with it")
    check_settings(cfg)
    trainer = instantiate(cfg.training, _convert_="all")  # a bad setting fails before the data is read
    evaluator, figures = build_evaluation(cfg)
    data = read_data(cfg)
    torch.manual_seed(cfg.seed)
    model = build_model(cfg)
    loss = instantiate(cfg.loss, _convert_="all")
    config = resolved(cfg, data, model)
    config["training"]["precision"] = trainer.precision
    config |= code_of(config) | {"key": run_name(config)[1]}
    folder = run_folder(cfg, config)
    with locked(folder):
        if cfg.resume and finished(folder, config):
            log.info("%s is finished already; resume=false runs it anew", folder)
            write_json({"status": "finished"}, folder / "status.json")  # if it was killed between the two
            return folder
        prepare_folder(folder, config, cfg.resume)
        with status_of(folder), open_tracking(cfg, folder, config) as tracking:
            torch.manual_seed(cfg.seed)  # dropout draws the same whatever the model's size
            kept = {"config": config, "vocabulary": data.vocabulary.words, "class_names": data.class_names}
            history = trainer.fit(model, loss, data, folder, cfg.seed, tracking.log, kept, cfg.resume)
            results = evaluator.evaluate(model, data, history)
            finish(folder, config, data, history, results, figures, tracking)
    return folder


def evaluate(cfg: DictConfig) -> Path:
    """Evaluates a checkpoint again, with its own config; `evaluation.*`, data path and tracking may differ."""
    file, state, kept = open_checkpoint(cfg, EVALUATE_MAY_SET)
    overrides = HydraConfig.get().overrides.task
    model = load_model(kept, state["model"], file)  # before the data is read, so that a bad device fails early
    evaluator, figures = build_evaluation(kept)
    data = read_data(kept, Vocabulary(state["vocabulary"]))
    if data.class_names != state["class_names"]:
        raise ValueError(f"{file} knows the classes {state['class_names']}, the data has {data.class_names}")
    check_same_data(state["config"], data, asked=bool({"dataset.source", "dataset.path"} & set(given(overrides))))
    config = state["config"] | {"data_source": data.source, "fingerprint": data.fingerprint}
    config |= {"evaluation": OmegaConf.to_container(kept.evaluation, resolve=True), "overrides": list(overrides)}
    config |= {"checkpoint_digest": digest(str(file)), "evaluated_data": data.fingerprint}
    config |= code_of(config) | {"key": evaluation_key(config)}
    folder = evaluation_folder(cfg, file, config)
    history = read_csv(file.parent / "history.csv")
    with locked(folder):
        if cfg.resume and finished(folder, config):
            log.info("%s is evaluated already; resume=false does it anew", folder)
            return folder
        prepare_folder(folder, config, cfg.resume)
        with status_of(folder), open_tracking(cfg, folder, config) as tracking:
            results = evaluator.evaluate(model, data, history)
            finish(folder, config, data, history, results, figures, tracking)
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
    generated = predict_one(model, batch, width)
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


def report(cfg: DictConfig) -> Path:
    """Compares the runs in `output_dir`, `runs` if that is not given; on the tracker as well."""
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        raise ValueError("mode=report compares a folder of runs as it is: give it without -m")
    folder = Path(cfg.output_dir or "runs")
    written = write_report(folder, cfg.report.margin)
    if written is None:
        raise ValueError(f"there is no finished run in {folder}; give output_dir=<a folder of runs>")
    print(f"the comparison is {written}")
    instantiate(cfg.tracking).publish(folder)
    return folder


def build_evaluation(cfg: DictConfig) -> tuple[Evaluator, RunFigures]:
    """Instantiate what measures the model and what draws the results."""
    settings = instantiate(cfg.evaluation, _convert_="all")
    figures = settings.pop("figures")
    return Evaluator(**settings), figures


def check_settings(cfg: DictConfig) -> None:
    """ValueError for what belongs to no component."""
    for name in ("seed", "dataset.seed"):
        value = OmegaConf.select(cfg, name)
        if type(value) is not int or value < 0:
            raise ValueError(f"{name} must be a whole number of 0 or more, got {value}")
    if type(cfg.dim) is not int or cfg.dim < 1:
        raise ValueError(f"dim must be a whole number of 1 or more, got {cfg.dim}")
    if type(cfg.resume) is not bool:
        raise ValueError(f"resume must be true or false, got {cfg.resume}")
    check_margin(cfg.report.margin)


def open_tracking(cfg: DictConfig, folder: Path, config: dict[str, Any]) -> WandbRun:
    """One run of the tracker; a sweep's runs share the group of their common folder."""
    choices = config["choices"]
    tags = [choices["dataset"], choices["fusion"], config["data_source"]]
    group = folder.resolve().parent.name
    return instantiate(cfg.tracking).open(folder, folder.name, group, tags, config | {"sweep": group})


def finish(
    folder: Path,
    config: dict[str, Any],
    data: Data,
    history: list[dict[str, float]],
    results: Results,
    figures: RunFigures,
    tracking: WandbRun,
) -> None:
    """Writes numbers and figures, sends them to the tracker, and prints the main ones."""
    facts = {name: config[name] for name in ("choices", "seed", "data_source", "fingerprint", "image_weights")}
    facts |= {"evaluation_key": evaluation_key(config)}
    choices = config["choices"]
    title = f"{choices['dataset']} ({data.source}, {choices['caption']} captions), "
    title += f"{choices['fusion']} fusion, seed {config['seed']}"
    pairs = near_duplicates(data.splits["train"].image, data.splits["test"].image)
    card = data.card | {"near_duplicates": [{"test": test, "train": train} for test, train in pairs]}
    write_json(card, folder / "data_card.json")
    for name, rows in (data.tables | {"scores": score_rows(results)}).items():
        write_csv(rows, folder / f"{name}.csv")
    write_parquet({n: column.tolist() for n, column in results.samples.items()}, folder / "predictions.parquet")
    drawn = figures.draw(title, data, history, results, config["training"]["modality_dropout"], card)
    pictures = {name: folder / f"{name}.png" for name in drawn}
    for name, figure in drawn.items():
        figure.savefig(pictures[name], dpi=150)
    tracking.config({"data_card": card})
    tracking.summary(results.metrics)
    tracking.figures(pictures)
    write_json(results.as_json() | facts, folder / "metrics.json")  # last: it says that the run is finished
    for line in summary(results):
        log.info(line)
    if results.attention is None and "attention" in results.seconds:
        log.info("  no attention figure: %s fusion gives no map of words over the image", choices["fusion"])
    log.info("%s: metrics.json, scores.csv, predictions.parquet and %d figures are in %s", title, len(drawn), folder)
