"""The modes train, evaluate, generate, export and report, a function each; conf/mode/ has where the others are."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

from multimodal.checks import MOST_BEAMS, check_whole
from multimodal.comparison.report import write_report
from multimodal.dataset.data import Data
from multimodal.dataset.reading.inputs import modalities_of, read_inputs
from multimodal.errors import one_line
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.evaluator import Evaluator, Results
from multimodal.evaluation.sample_table import predictions_of_test
from multimodal.evaluation.summary import score_rows, summary
from multimodal.export import check_installed, write_exported
from multimodal.figures.fonts import fonts_for_all_scripts
from multimodal.figures.run_figures import RunFigures
from multimodal.inference import check_inputs, likeliest, predict_samples, read_sample, write_png
from multimodal.io import write_csv, write_json, write_parquet
from multimodal.many_samples import (
    LINES,
    TABLE,
    Answerer,
    answer_all,
    check_answered,
    prepare_results,
    samples_key,
    write_table,
)
from multimodal.model import no_head
from multimodal.model_card import CARD, model_card, read_measured, without_places, write_card
from multimodal.pages.run_page import write_run_page
from multimodal.pages.samples import COUNT, write_samples
from multimodal.paths import expanded
from multimodal.runs.build import as_dict, build_loss, build_model, read_data
from multimodal.runs.checkpoint import (
    EVALUATE_MAY_SET,
    EXPORT_MAY_SET,
    GENERATE_MAY_SET,
    check_same_data,
    given,
    load_model,
    naming,
    open_checkpoint,
    trainer_devices,
)
from multimodal.runs.composition import Composition
from multimodal.runs.features import with_features, with_subwords
from multimodal.runs.hub_repository import check_repository
from multimodal.runs.push import create_repository, push_files
from multimodal.runs.record import RunRecord, evaluation_record, training_record
from multimodal.runs.run_dir import (
    evaluation_folder,
    finished,
    locked,
    prepare_cache,
    prepare_folder,
    read_history,
    run_folder,
    status_of,
)
from multimodal.runs.run_id import file_digest
from multimodal.runs.settings import check_model
from multimodal.tracking.artifacts import run_artifact
from multimodal.tracking.progress import TrainingProgress
from multimodal.tracking.results import track_results
from multimodal.tracking.tracker import TrackedRun, Tracker
from multimodal.training.checkpoint_file import WEIGHTS, save_safetensors
from multimodal.training.device import devices_of
from multimodal.training.trainer import Trainer

log = logging.getLogger(__name__)

OF_CHECKPOINTS = {"evaluate": EVALUATE_MAY_SET, "generate": GENERATE_MAY_SET, "export": EXPORT_MAY_SET}  # by mode

MOST_PIXELS = 2**14  # a side of an enlarged image
MOST_DRAWINGS = 1000  # of one caption


def train(composition: Composition, tracker: Tracker) -> Path:
    """Train, evaluate, write the run's folder, and return it."""
    cfg = composition.config
    trainer, evaluator, figures = prepare_training(composition)
    reading = Clock()
    with reading("data"):
        data = read_data(cfg)
    torch.manual_seed(cfg.seed)
    model, loss = build_model(cfg, data), build_loss(cfg, data)
    data = with_subwords(model, data)
    record = training_record(composition, data, model, trainer.precision)
    folder = run_folder(cfg.output_dir, record, composition.multirun)
    if not trainer.fabric.is_global_zero:  # torchrun started it beside the process that writes and evaluates
        if not (cfg.resume and finished(folder, record)):
            data = with_features(model, data, cfg.cache_dir, trainer.fabric.device)
            torch.manual_seed(cfg.seed)
            trainer.fit(model, loss, data, folder, cfg.seed, tracker.log, beside_weights(record, data), cfg.resume)
        return folder
    with locked(folder):
        if cfg.resume and finished(folder, record):
            log.info("%s is finished already; resume=false runs it anew", folder)
            write_json({"status": "finished"}, folder / "status.json")  # if it was killed between the two
            if record.tuning is not None:
                record.write(folder)  # what was trained before is now one of a tuning, or of one with more trials
            return folder
        prepare_folder(folder, record, cfg.resume)
        with tracked(tracker, folder, record, data, cfg.resume):
            data = with_features(model, data, cfg.cache_dir, trainer.fabric.device)
            torch.manual_seed(cfg.seed)  # dropout draws the same whatever the model's size
            saved = beside_weights(record, data)
            progress = TrainingProgress(tracker, model, data, trainer.num_validations)
            history = trainer.fit(
                model, loss, data, folder, cfg.seed, progress.validated, saved, cfg.resume, progress.after_step
            )
            results = evaluator.evaluate(model, data, history, devices_of(trainer.fabric))
            results.seconds.update(reading.seconds)
            finish(folder, record, data, history, results, figures, tracker, folder / "best.pt")
    return folder


def prepare_training(composition: Composition) -> tuple[Trainer, Evaluator, RunFigures | None]:
    """Build what a training run needs beside data and model, so that a bad setting fails before the data is read.

    Returns:
        The trainer, the evaluator, and what draws the figures, None if `evaluation.figures` is null.
    """
    cfg = composition.config
    for setting in ("checkpoint", "text", "image", "samples", "push"):
        if cfg[setting] is not None:
            modes = " or ".join(f"mode={mode}" for mode, may_set in OF_CHECKPOINTS.items() if setting in may_set)
            raise ValueError(f"{setting} needs {modes}, or {setting}=null to train")
    prepare_cache(cfg.cache_dir)
    check_fusion_width(composition)
    trainer = instantiate(cfg.training, _convert_="all")
    evaluator, figures = build_evaluation(cfg)
    check_model(cfg)
    return trainer, evaluator, figures


def beside_weights(record: RunRecord, data: Data) -> dict[str, Any]:
    """Return what a checkpoint has beside the weights."""
    return {"record": record.as_dict(), "vocabulary": data.vocabulary.words, "class_names": data.class_names}


def evaluate(composition: Composition, tracker: Tracker) -> Path:
    """Evaluate a checkpoint again, with its own config; `evaluation.*`, data path and tracking may differ."""
    cfg = composition.config
    checkpoint = open_checkpoint(composition, EVALUATE_MAY_SET)
    settings = checkpoint.config
    prepare_cache(cfg.cache_dir)
    reading = Clock()
    with reading("model"):
        model = load_model(checkpoint)  # before the data is read, so that a bad device fails early
    with naming(checkpoint.file):
        evaluator, figures = build_evaluation(settings)
        with reading("data"):
            data = with_subwords(model, read_data(settings, checkpoint.vocabulary))
    overridden = set(given(composition.overrides))
    check_same_data(checkpoint, data, requested=bool({"dataset.source", "dataset.path"} & overridden))
    record = evaluation_record(
        checkpoint.record, composition.overrides, as_dict(settings.evaluation), data, checkpoint.file
    )
    folder = evaluation_folder(cfg.output_dir, checkpoint.home / checkpoint.file.name, record, composition.multirun)
    history = history_of(checkpoint.file.parent)
    with locked(folder):
        if cfg.resume and finished(folder, record):
            log.info("%s is evaluated already; resume=false does it anew", folder)
            return folder
        prepare_folder(folder, record, cfg.resume)
        with tracked(tracker, folder, record, data, cfg.resume):
            data = with_features(model, data, cfg.cache_dir, next(model.parameters()).device)
            results = evaluator.evaluate(model, data, history, trainer_devices(checkpoint))
            results.seconds.update(reading.seconds)
            finish(folder, record, data, history, results, figures, tracker, checkpoint.file)
    return folder


def generate(
    composition: Composition, tracker: Tracker, width: int, classes: int, pixels: int, num_drawings: int
) -> Path:
    """Generate an image for a caption, a caption for an image, or both, from a checkpoint; no dataset is read.

    Args:
        composition: its settings `text` and `image` are the sample, or its setting `samples` names many.
        tracker: not used.
        width: width of the beam search.
        classes: number of most probable classes to print.
        pixels: least height and width of the enlarged image.
        num_drawings: images for each caption, by a model that draws at random; another one makes one.
    """
    check_whole("mode", classes=classes)
    check_whole("mode", most=MOST_DRAWINGS, num_drawings=num_drawings)
    check_whole("mode", most=MOST_BEAMS, width=width)
    check_whole("mode", most=MOST_PIXELS, pixels=pixels)
    cfg = composition.config
    if composition.multirun:
        raise ValueError("mode=generate has no metrics to sweep: give it without -m; samples=<a folder> answers many")
    if cfg.output_dir is not None and expanded(cfg.output_dir).is_file():
        raise ValueError(f"output_dir: {cfg.output_dir} is a file; give a folder")
    inputs = {name: str(cfg[name]) for name in ("text", "image") if cfg[name] is not None}
    if cfg.samples is not None and inputs:
        raise ValueError(f"give samples=, or one sample by text= and image=, but not both: got {', '.join(inputs)}")
    if cfg.samples is not None:
        return generate_many(composition, width, classes, num_drawings)
    if not inputs:
        raise ValueError(
            "mode=generate needs text=<a caption> or image=<an image file>, or both, or samples=<a folder or file>"
        )
    return generate_one(composition, inputs, width, classes, pixels, num_drawings)


def generate_one(
    composition: Composition, inputs: dict[str, str], width: int, classes: int, pixels: int, num_drawings: int
) -> Path:
    """Answer one sample on the terminal, and return the folder for its drawing; see `generate`."""
    cfg = composition.config
    checkpoint = open_checkpoint(composition, GENERATE_MAY_SET)
    model, vocabulary = load_model(checkpoint), checkpoint.vocabulary
    check_inputs(model, inputs, checkpoint.record.fusion)
    data = checkpoint.config.dataset
    batch = read_sample(inputs, model, vocabulary, data.max_words, data.image_size, data.channels)
    generated = predict_samples(model, batch, width, num_drawings)
    print(f"class: {likeliest(generated.probability[0], checkpoint.class_names, classes)}")
    if generated.greedy is not None and generated.beam is not None and "image" in inputs:
        print(f"caption, greedy: {one_line(vocabulary.decode(generated.greedy)[0])}")
        print(f"caption, beam of {width}: {one_line(vocabulary.decode(generated.beam)[0])}")
    elif "image" in inputs:
        print(f"no caption: {no_head('text')}")
    folder = expanded(cfg.output_dir or checkpoint.home / "generated")
    if generated.drawings is not None and "text" in inputs:
        name = "reconstruction" if "image" in inputs else "drawing"
        for drawing in generated.drawings[:, 0]:
            small, large = write_png(drawing, folder, name, pixels)
            print(f"{name}: {small}, enlarged: {large}")
    elif "text" in inputs:
        print(f"no drawing: {no_head('image')}")
    return folder


def generate_many(composition: Composition, width: int, classes: int, num_drawings: int) -> Path:
    """Answer the samples that the setting `samples` names, and return the folder of the results; see `generate`.

    Raises:
        ValueError: there are none, one has nothing to read, or, after all others are answered, one could not be read.
    """
    cfg = composition.config
    rows = read_inputs(cfg.samples)
    checkpoint = open_checkpoint(composition, GENERATE_MAY_SET)
    batch_size = checkpoint.config.evaluation.batch_size
    check_whole("evaluation", batch_size=batch_size)
    model, data = load_model(checkpoint), checkpoint.config.dataset
    check_inputs(model, modalities_of(rows), checkpoint.record.fusion)
    digest = file_digest(str(checkpoint.file))
    key = samples_key(rows, digest, width, classes, num_drawings)
    settings = {"key": key, "samples": cfg.samples, "count": len(rows), "checkpoint": str(checkpoint.file)}
    settings |= {"checkpoint_sha256": digest, "run": checkpoint.record.name, "width": width, "classes": classes}
    settings |= {"num_drawings": num_drawings}
    folder = expanded(cfg.output_dir or checkpoint.home / "generated" / f"samples-{key}")
    sizes = (data.max_words, data.image_size, data.channels)
    answerer = Answerer(model, checkpoint.vocabulary, checkpoint.class_names, *sizes, width, classes, num_drawings)
    with locked(folder):
        done = prepare_results(folder, settings)
        if done:
            log.info("%d of %d samples are answered already", done, len(rows))
        answer_all(answerer, rows, folder, done, batch_size)
        drawings, written, problems = write_table(folder)
    print(f"results: {folder / LINES}, as a table: {folder / TABLE}")
    print(f"{len(rows)} samples: {drawings} drawings, {written} captions")
    for name, made, count in (("image", "drawing", drawings), ("text", "caption", written)):
        if not count and name not in model.heads:
            print(f"no {made}: {no_head(name)}")
    check_answered(problems, len(rows), folder)
    return folder


def export(composition: Composition, tracker: Tracker, license: str | None) -> Path:
    """Write a checkpoint's model as files to hand on, with a model card, upload them, and return their folder.

    Args:
        composition: its setting `push` names the repository to upload to, if any.
        tracker: not used.
        license: of the weights, as the Hugging Face hub names it; None for that of the data.
    """
    cfg = composition.config
    if composition.multirun:
        raise ValueError("mode=export writes one model's files and has no metrics to sweep: give it without -m")
    if cfg.output_dir is not None and expanded(cfg.output_dir).is_file():
        raise ValueError(f"output_dir: {cfg.output_dir} is a file; give a folder")
    check_installed()
    if cfg.push is not None:
        check_repository("push", cfg.push)
    checkpoint = open_checkpoint(composition, EXPORT_MAY_SET)
    model, config = load_model(checkpoint), as_dict(checkpoint.config)
    if model.tokenize([]) is not None:
        raise ValueError(
            "mode=export needs a text encoder that reads the vocabulary's words: a file cannot hold a tokenizer"
        )
    if cfg.push is not None:
        create_repository(cfg.push)
    folder = expanded(cfg.output_dir or checkpoint.home / "exported")
    files = write_exported(
        model,
        config["sizes"],
        checkpoint.vocabulary.words,
        checkpoint.class_names,
        config["dataset"]["max_words"],
        folder,
    )
    record = without_places(checkpoint.record)
    files["safetensors"], files["card"] = folder / WEIGHTS, folder / CARD
    words = {"vocabulary": checkpoint.vocabulary.words, "class_names": checkpoint.class_names}
    save_safetensors(words | {"model": checkpoint.weights, "record": record.as_dict()}, files["safetensors"])
    names = [file.name for file in files.values()]
    write_card(model_card(record, *read_measured(checkpoint.file, record), license, names), record, files["card"])
    for name, file in files.items():
        print(f"{name}: {file}")
    if cfg.push is not None:
        print(f"uploaded: {push_files(folder, names, cfg.push)}")
    return folder


def report(composition: Composition, tracker: Tracker) -> Path:
    """Compare the runs in `output_dir`, by default `runs`, or those of a tracker; write the report, and publish it."""
    cfg = composition.config
    if composition.multirun:
        raise ValueError("mode=report compares a folder of runs as it is: give it without -m")
    folder = tracker.fetch(expanded(cfg.output_dir or "runs"))
    written = write_report(folder, cfg.report.margin, cfg.report.compared)
    if written is None:
        raise ValueError(f"there is no finished run in {folder}; give output_dir=<a folder of runs>")
    print(f"the comparison is {written}")
    tracker.publish(folder)
    return folder


def history_of(folder: Path) -> list[dict[str, float]]:
    """Return a run's history, for curves and speed; a damaged one is left out with a warning."""
    try:
        return read_history(folder, ("step", "train/samples_per_s"))
    except ValueError as error:
        log.warning("%s: %s; it is left out", folder, error)
        return []


def build_evaluation(cfg: DictConfig) -> tuple[Evaluator, RunFigures | None]:
    """Build the evaluator, and what draws the figures, None if `evaluation.figures` is null."""
    settings = instantiate(cfg.evaluation, _convert_="all")
    figures = settings.pop("figures")
    return Evaluator(**settings), figures


def check_fusion_width(composition: Composition) -> None:
    """Raise ValueError if both `fusion_parameters` and the width that it chooses are given."""
    if composition.config.fusion_parameters is not None and "fusion.hidden" in given(composition.overrides):
        raise ValueError("fusion_parameters sets fusion.hidden: give one of the two")


@contextmanager
def tracked(tracker: Tracker, folder: Path, record: RunRecord, data: Data, resume: bool) -> Iterator[None]:
    """Track what is done, write its status, and keep the run's files as they are then, whether it failed or not.

    A sweep's runs share the group of their common folder.
    """
    group, trained = folder.resolve().parent.name, record.checkpoint is None
    config = record.config | {k: v for k, v in record.as_dict().items() if k != "config"}
    config |= {"sweep": group, "data_card": data.card}
    run = TrackedRun(
        key=record.key if trained else f"{record.key}-{record.evaluation_key}",
        name=folder.name,
        group=group,
        job_type="train" if trained else "evaluate",
        tags=[record.dataset, record.fusion, record.data_source],
        config=config if trained else config | {"model_run": record.key},
        resume=resume,
    )
    with tracker.open(folder, run):
        try:
            with status_of(folder):
                yield
        finally:
            if tracker.detail.artifacts:
                tracker.artifact(run_artifact(record.name, folder))


def finish(
    folder: Path,
    record: RunRecord,
    data: Data,
    history: list[dict[str, float]],
    results: Results,
    figures: RunFigures | None,
    tracker: Tracker,
    checkpoint: Path,
) -> None:
    """Write numbers, figures and the page, send them to the tracker, and print the main ones."""
    clock = results.clock
    with clock("files"):
        write_json(data.card, folder / "data_card.json")
        for name, rows in (data.tables | {"scores": score_rows(results)}).items():
            write_csv(rows, folder / f"{name}.csv")
        write_parquet(results.samples, folder / "predictions.parquet")
    training = record.config["training"]
    with clock("figures"), fonts_for_all_scripts():
        drawn = {} if figures is None else figures.draw(record.title, data, history, results, training, data.card)
        files = {name: folder / f"{name}.png" for name in drawn}
        for name, figure in drawn.items():
            with clock(f"figures/{name}"):
                figure.savefig(files[name], dpi=150)
    with clock("page"):
        samples = write_samples(predictions_of_test(data, results.predictions, results.reads, COUNT), folder)
        page = write_run_page(folder, record, data, history, results, dict(files), samples)
    with clock("tracking"):
        files |= {"checkpoint": checkpoint, "data_card": folder / "data_card.json"}
        track_results(tracker, record, data, history, results, files)
    facts = {"choices": record.choices, "seed": record.seed, "data_source": record.data_source}
    facts |= {"fingerprint": record.fingerprint, "evaluation_key": record.evaluation_key}
    write_json(results.as_json() | facts, folder / "metrics.json")  # last: it says that the run is finished
    for line in summary(results):
        log.info(line)
    if results.attention is None and "attention" in results.seconds:
        encoder = record.choices.get("encoder/image", "its")
        log.info(
            "  no attention figure: %s fusion has no attention from words to the image tokens of %s",
            record.fusion,
            encoder,
        )
    files_written = f"metrics.json, scores.csv, predictions.parquet and {len(drawn)} figures"
    log.info("%s: %s are in %s; %s shows all of it", record.title, files_written, folder, page.name)
