"""The record of a run: its settings, its data, and the keys computed from them.

It is written to the run's `config.yaml` and into its checkpoints, and read from there.
"""

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PurePath
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from multimodal.dataset.data import Data
from multimodal.errors import joined_lines
from multimodal.io import write_text
from multimodal.model import MultimodalModel
from multimodal.runs.build import resolve
from multimodal.runs.composition import Composition
from multimodal.runs.run_id import code_keys, evaluation_key, file_digest, run_key

FILE = "config.yaml"


@dataclass(frozen=True)
class RunRecord:
    """Describes a run.

    Args:
        config: every setting, resolved.
        choices: {group: the option that was chosen, None for no option}.
        overrides: the command line's.
        data_source: the source that was read: `hub`, `path` or `embedded`.
        fingerprint: hash of the data that the run is evaluated on.
        weights: {modality: initial weights of its encoder: `random`, `imagenet`, or a file}.
        checkpoint: SHA-256 of the checkpoint that was evaluated again; None for a run that trained.
        key: hash of all that changes the trained model.
        evaluation_key: hash of all that changes its evaluation.
        code: hash of the code that all fusions share.
        fusion_code: hash of the fusion's code.
        code_parts: {dotted place of a component in the config, the fusion's apart: hash of its code}.
        tuning: how mode=tune chose settings (`space`, `trials`, of which `failed`, `tuning_seeds`, `sampler_seed`, the
            values `chosen`, their `trial`, its `validation_accuracy`), what they were before (`untuned`), and the
            `command` of the search; None for a run whose settings were not searched.
    """

    config: dict[str, Any]
    choices: dict[str, Any]
    overrides: list[str]
    data_source: str
    fingerprint: str
    weights: dict[str, str]
    checkpoint: str | None
    key: str
    evaluation_key: str
    code: str
    fusion_code: str
    code_parts: dict[str, str] = field(default_factory=dict)
    tuning: dict[str, Any] | None = None

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        return self.choices["dataset"]

    @property
    def fusion(self) -> str:
        """The fusion's name."""
        return self.choices["fusion"]

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.config["seed"]

    @property
    def name(self) -> str:
        """The run's name: that of its folder, unless `output_dir` gives another."""
        return f"{self.dataset}-{self.fusion}-s{self.seed}-{self.key}"

    @property
    def title(self) -> str:
        """The heading of figures: dataset, source, task and captions, fusion, seed."""
        task = self.choices.get("task", "redundant")  # the only one before there was a choice
        asked = [] if task == "redundant" else [f"task {task}"]
        if not asked or self.choices["caption"] != "original":
            asked.append(f"{self.choices['caption']} captions")
        return f"{self.dataset} ({self.data_source}, {', '.join(asked)}), {self.fusion} fusion, seed {self.seed}"

    @property
    def identity(self) -> tuple[str | None, str]:
        """What two records must have in common to share a folder: the training run, or the evaluated checkpoint."""
        return (None, self.key) if self.checkpoint is None else (self.checkpoint, self.evaluation_key)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint."""
        return asdict(self)

    def as_config(self) -> dict[str, Any]:
        """Return the config with the facts of the run under `record`, for `config.yaml`."""
        facts = asdict(self)
        return facts.pop("config") | {"record": facts}

    def write(self, folder: Path) -> None:
        """Write `config.yaml`."""
        write_text(yaml.safe_dump(self.as_config(), sort_keys=False, allow_unicode=True), folder / FILE)


def training_record(composition: Composition, data: Data, model: MultimodalModel, precision: str) -> RunRecord:
    """Return the record of a run that trains.

    Args:
        composition: the requested config.
        data: the training data.
        model: the model to train.
        precision: the precision chosen for `training.precision=auto`, or that setting.
    """
    config = resolve(composition.config, data, precision)
    named = {m: getattr(encoder, "weights", None) for m, encoder in model.encoders.items()}
    weights = {m: name if isinstance(name, str) else "random" for m, name in named.items()}
    return RunRecord(
        config=config,
        choices=composition.choices,
        overrides=composition.overrides,
        data_source=data.source,
        fingerprint=data.fingerprint,
        weights=weights,
        checkpoint=None,
        key=run_key(config, data.source, data.fingerprint, weights),
        evaluation_key=evaluation_key(config, None, data.fingerprint),
        tuning=composition.tuning,
        **code_keys(config),
    )


def evaluation_record(
    trained: RunRecord, overrides: list[str], evaluation: dict[str, Any], data: Data, file: Path
) -> RunRecord:
    """Return the record of an evaluation of a trained model.

    Args:
        trained: the record in the checkpoint.
        overrides: the evaluation's command line.
        evaluation: the resolved settings of this evaluation.
        data: the data to evaluate on.
        file: the checkpoint.
    """
    config, checkpoint = trained.config | {"evaluation": evaluation}, file_digest(str(file))
    return replace(
        trained,
        config=config,
        overrides=overrides,
        data_source=data.source,
        fingerprint=data.fingerprint,
        checkpoint=checkpoint,
        evaluation_key=evaluation_key(config, checkpoint, data.fingerprint),
        **code_keys(config),
    )


def read_record(folder: Path) -> RunRecord:
    """Read the record in a run's folder.

    Raises:
        ValueError: `config.yaml` is damaged, or holds no record, or that of another version.
    """
    file = folder / FILE
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} is damaged: {joined_lines(error)}") from error
    facts = config.pop("record", None) if isinstance(config, dict) else None
    return record_from(facts if not isinstance(facts, dict) else facts | {"config": config}, file)


def record_from(values: Any, file: Path) -> RunRecord:
    """Return the record that `as_dict` gave; raise ValueError, naming the file, if it is not one of this version."""
    names = {each.name for each in fields(RunRecord)}
    if isinstance(values, dict):
        values = {"tuning": None, "code_parts": {}} | values  # runs from before there were these have neither
    if not isinstance(values, dict) or set(values) != names:
        raise ValueError(f"{file} was written by another version of this package: run it again, in another folder")
    wrong = [name for name, kind in get_type_hints(RunRecord).items() if not is_of(values[name], kind)]
    if wrong:
        raise ValueError(f"{file} holds a wrong record: its {wrong[0]} is of type {type(values[wrong[0]]).__name__}")
    record = RunRecord(**values)
    chosen = [record.choices.get(group) for group in ("dataset", "fusion", "caption")]
    if not is_of(chosen, list[str]) or type(record.config.get("seed")) is not int:
        raise ValueError(f"{file} holds a wrong record: it lacks dataset, fusion, captions or seed")
    folders = [PurePath(record.name), PurePath(record.evaluation_key)]  # they become names of folders
    if any(folder.is_absolute() or ".." in folder.parts or not str(folder).isprintable() for folder in folders):
        raise ValueError(f"{file} holds a wrong record: {record.name!r:.100} is no name of a run")
    return record


def is_of(value: Any, kind: Any) -> bool:
    """Return whether a value is of an annotated type: `str | None`, `dict[str, str]`, `list[str]`."""
    if kind is Any or not get_args(kind):
        return kind is Any or isinstance(value, kind)
    if get_origin(kind) is dict:
        of_key, of_value = get_args(kind)
        return isinstance(value, dict) and all(is_of(k, of_key) and is_of(v, of_value) for k, v in value.items())
    if get_origin(kind) is list:
        return isinstance(value, list) and all(is_of(item, get_args(kind)[0]) for item in value)
    return any(is_of(value, one) for one in get_args(kind))
