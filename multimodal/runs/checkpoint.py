"""Open a checkpoint: its config with what the command line may change, and its model."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from multimodal.dataset.data import Data
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.dataset.reading.inputs import listed
from multimodal.errors import joined_lines
from multimodal.model import MultimodalModel
from multimodal.runs.build import build_model
from multimodal.runs.checkpoint_source import is_remote, local_checkpoint
from multimodal.runs.composition import Composition
from multimodal.runs.overrides import ENCODER_FILES
from multimodal.runs.record import RunRecord, is_of, record_from
from multimodal.runs.settings import MODEL, check_shared, check_type
from multimodal.runs.trust import check_trusted
from multimodal.torch_file import weights_problem
from multimodal.training.checkpoint_file import WEIGHTS, load_checkpoint
from multimodal.training.device import devices_of

log = logging.getLogger(__name__)

# settings that the command line may give beside a checkpoint
BOTH_MAY_SET = (
    *("mode", "checkpoint", "output_dir", "cache_dir", "tracking", "training.accelerator", "trust", "hydra"),
    *ENCODER_FILES,  # of files that were moved since; another content is refused
)
EVALUATE_MAY_SET = (
    *BOTH_MAY_SET,
    "resume",
    "requeue",
    "evaluation",
    "dataset.path",
    "dataset.source",
    "dataset.columns",
)
EXPORT_MAY_SET = (*BOTH_MAY_SET, "push")
GENERATE_MAY_SET = (*BOTH_MAY_SET, "text", "image", "samples", "evaluation.batch_size")


LONGEST = 10_000  # tokens of a caption: decoding may take as many steps


class Checkpoint(NamedTuple):
    """A trained model's file, opened.

    Args:
        file: its path.
        home: folder that results are written in by default: the file's, or of one from a server the run's in `runs`.
        record: record of the run that trained it.
        config: the record's config with the command line's changes.
        weights: the model's state dict.
        vocabulary: words of the training captions.
        class_names: of the K labels.
    """

    file: Path
    home: Path
    record: RunRecord
    config: DictConfig
    weights: dict[str, torch.Tensor]
    vocabulary: Vocabulary
    class_names: list[str]


def open_checkpoint(composition: Composition, may_set: tuple[str, ...]) -> Checkpoint:
    """Read the checkpoint that the config names, and check it: what it names may be built afterwards.

    Raises:
        ValueError: there is no such file, it is damaged, has wrong parts, or names code that is neither of `conf/` nor
            trusted; or the command line sets what only the checkpoint may set.
    """
    cfg, mode = composition.config, composition.choices["mode"]
    file = checkpoint_file(cfg.checkpoint, mode, cfg.cache_dir)
    state = load_checkpoint(file)
    record = record_from(state["record"], file)
    check_trusted(record.config, file, cfg.trust)  # the command line's: a checkpoint cannot trust anybody
    check_parts(state, record.config, cfg, file)
    config = with_overrides(record.config, cfg, composition.overrides, may_set, mode)
    home = Path("runs") / record.name if is_remote(cfg.checkpoint) else file.parent
    return Checkpoint(file, home, record, config, state["model"], Vocabulary(state["vocabulary"]), state["class_names"])


def check_parts(state: dict[str, Any], config: dict[str, Any], cfg: DictConfig, file: Path) -> None:
    """Raise ValueError, naming the file, for a checkpoint whose parts are missing, of a wrong type, or do not fit.

    Args:
        state: what the file holds.
        config: that of its record.
        cfg: a config of this version, to compare the names of groups with.
        file: the checkpoint.
    """
    groups = ("encoder", "head", "evaluation")
    nodes = [missing_parts(config, cfg), *(missing_parts(config.get(g), cfg[g], f"{g}.") for g in groups)]
    lacking = next(chain.from_iterable(nodes), None)
    if lacking is not None:
        raise ValueError(f"{file} was made by another version of this package, or changed: its config has {lacking}")
    problem = names_problem(state) or sizes_problem(config, len(state["class_names"]), len(state["vocabulary"]))
    if problem is not None:
        raise ValueError(f"{file} is not a whole checkpoint: {problem}")
    with naming(file):
        for group in MODEL:
            check_shared(group, config[group], config["sizes"] | {"dim": config["dim"]})


def names_problem(state: dict[str, Any]) -> str | None:
    """Return what is wrong with the vocabulary and the class names of a checkpoint, None if nothing is."""
    for part in ("vocabulary", "class_names"):
        names = state.get(part)
        if not is_of(names, list[str]) or len(set(cast(list[str], names))) < len(cast(list[str], names)):
            return f"its {part} is no list of different names"
    try:
        Vocabulary(state["vocabulary"])
    except ValueError as error:
        return str(error)
    return None


def sizes_problem(config: dict[str, Any], classes: int, words: int) -> str | None:
    """Return which size in a checkpoint's config does not fit the others, None if all do.

    Args:
        config: of its record.
        classes: number of its class names.
        words: number of words in its vocabulary.
    """
    sizes, data = config["sizes"], config["dataset"]
    for name, count in {"num_classes": classes, "vocab_size": words}.items():
        if type(sizes.get(name)) is not int or sizes[name] != count:
            return f"sizes.{name} is {sizes.get(name)!r:.50}, not {count}"
    for name in ("image_size", "channels"):
        if type(sizes.get(name)) is not int or sizes[name] < 1 or data.get(name) != sizes[name]:
            return f"dataset.{name} is {data.get(name)!r:.50}"
    most = data.get("max_words")
    if type(most) is not int or most < 1:
        return f"dataset.max_words is {most!r:.50}"
    length = sizes.get("max_length")
    if type(length) is not int or not 2 <= length <= min(most + 2, LONGEST):  # with <bos> and <eos>
        return f"sizes.max_length is {length!r:.50}"
    return None


def missing_parts(config: Any, cfg: DictConfig, prefix: str = "") -> Iterator[str]:
    """Yield what a checkpoint's config lacks of the mappings of a config of this version."""
    # `evaluation.figures=null` draws none, and `head/image=none` generates no images
    empty = type(None) if prefix in ("evaluation.", "head.") else dict
    if not isinstance(config, dict):
        yield f"no {prefix.rstrip('.')}"
        return
    for name in map(str, cfg):
        if name not in config and name not in ("trust", "requeue", "samples", "push"):
            yield f"no {prefix}{name}"
        elif isinstance(cfg._get_node(name), DictConfig) and not isinstance(config.get(name), dict | empty):
            yield f"no mapping {prefix}{name}"


def trainer_devices(checkpoint: Checkpoint) -> list[torch.device]:
    """Return the devices of this machine that a checkpoint's training would use here."""
    with naming(checkpoint.file):
        return devices_of(instantiate(checkpoint.config.training, _convert_="all").fabric)


def load_model(checkpoint: Checkpoint) -> MultimodalModel:
    """Build a checkpoint's model on its trainer's device; no data is needed, because the config holds the sizes."""
    device = trainer_devices(checkpoint)[0]
    with naming(checkpoint.file), advising_place(), torch.device("meta"), torch.random.fork_rng(devices=[]):
        shapes = build_model(checkpoint.config).state_dict()  # takes no memory
    check_weights(checkpoint, shapes)
    with naming(checkpoint.file):
        model = build_model(checkpoint.config)
    check_weights(checkpoint, model.state_dict())
    check_frozen(checkpoint, model)
    model.load_state_dict(checkpoint.weights)
    return model.to(device)


def check_weights(checkpoint: Checkpoint, expected: dict[str, torch.Tensor]) -> None:
    """Raise ValueError unless a checkpoint's weights are those of the model that was built from its config."""
    problem = weights_problem(checkpoint.weights, expected)
    if problem is not None:
        raise ValueError(f"{checkpoint.file} does not hold the weights of its model: {problem}")


def check_frozen(checkpoint: Checkpoint, model: MultimodalModel) -> None:
    """Raise ValueError unless frozen weights and tokenizers, which a checkpoint lacks, are those of its training."""
    for name, digest in model.state_dict().items():
        if name.endswith("backbone.digest") and not torch.equal(digest.cpu(), checkpoint.weights[name]):
            modality = name.split(".")[1]
            config = checkpoint.config.encoder[modality]
            files = [file for file in ENCODER_FILES if file.split(".")[1] == modality and file.split(".")[2] in config]
            found = ", ".join(f"{file}={config[file.split('.')[2]]}" for file in files)
            raise ValueError(
                f"{checkpoint.file} was trained with other frozen weights or another tokenizer than {found} "
                f"has now; put back what it was trained with, or give its place by {' and '.join(files)}"
            )


@contextmanager
def advising_place() -> Iterator[None]:
    """Add to an error about a file of an encoder's how its new place is given."""
    try:
        yield
    except (InstantiationException, ValueError) as error:
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        name = next((name for name in ENCODER_FILES if isinstance(cause, ValueError) and name in str(cause)), None)
        if name is None:
            raise
        raise ValueError(f"{cause}; if what it was trained with has moved, give {name}=<its new place>") from error


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Turn what is raised while a checkpoint's config is built into a ValueError of one line that names the file."""
    try:
        yield
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, OSError):  # of the data, or the disk: the file is not to blame
            raise cause from error
        if isinstance(cause, ValueError):  # a component's own words
            raise ValueError(f"{file}: {joined_lines(cause)}") from error
        raise ValueError(
            f"{file} was made by another version of this package, or changed: {joined_lines(error)}"
        ) from error
    except ValueError as error:
        raise ValueError(f"{file}: {joined_lines(error)}") from error
    except (OmegaConfBaseException, AttributeError, KeyError, TypeError, RuntimeError, MemoryError) as error:
        what = f"{type(error).__name__}: {joined_lines(error)}"
        raise ValueError(f"{file} was made by another version of this package, or changed: {what}") from error


def checkpoint_file(checkpoint: str | None, mode: str, cache_dir: str) -> Path:
    """Return the file itself, or of a folder `best.pt`; where mode=export wrote, `model.safetensors`."""
    if checkpoint is None:
        raise ValueError(f"mode={mode} needs checkpoint=<a run's folder or file>, hub:<repo> or wandb:<artifact>")
    file = local_checkpoint(checkpoint, cache_dir)
    if file.is_dir():
        exported = file / WEIGHTS
        file = exported if exported.is_file() and not (file / "best.pt").exists() else file / "best.pt"
    if not file.is_file():
        runs = sorted(str(found.parent) for found in file.parent.glob("*/best.pt"))
        among = f"; this folder has {len(runs)} of them: {listed(runs, ', ')}" if runs else ""
        wanted = f"a run's folder, one of its .pt files, or an exported {WEIGHTS}"
        raise ValueError(f"checkpoint: there is no {file}; give {wanted}{among}")
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
        elif name in ENCODER_FILES:
            set_file(config, name, OmegaConf.select(cfg, name))
    OmegaConf.update(config, "evaluation.image_judge.cache", cfg.cache_dir)  # this machine's
    config.training.devices = config.training.num_nodes = 1  # inference uses one device
    config.training.strategy = "auto"
    for encoder in config.encoder.values():
        if "weights" in encoder and not encoder.get("frozen", False):
            encoder.weights = "none"  # the checkpoint has them
    return config


def set_file(config: DictConfig, name: str, path: Any) -> None:
    """Set the place of a file in a checkpoint's config; ValueError if its encoder reads no such file.

    Args:
        config: changed.
        name: one of ENCODER_FILES.
        path: the value.
    """
    _, modality, key = name.split(".")
    encoder = config.encoder.get(modality) or {}
    if key not in encoder:
        raise ValueError(f"{name} cannot be set: the checkpoint's encoder of {modality} has no such setting")
    if key == "weights" and not encoder.get("frozen", False):
        raise ValueError(f"{name} cannot be set: these weights were trained on, and the checkpoint holds them")
    check_type(name, path, str)
    encoder[key] = path


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
