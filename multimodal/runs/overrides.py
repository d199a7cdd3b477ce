"""Check the names of the settings on a command line before Hydra composes them; an unknown one gets a suggestion."""

import difflib
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import HydraException, MissingConfigException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from multimodal.errors import first_line
from multimodal.runs.composition import CONF, Composition, compose

STACKED = ("experiment", "tracking/trackers")  # groups of which several options may be taken at once
OPEN = ("loss.terms", "loss.weights", "evaluation.measures")  # mappings that a user may add entries to
ENCODER_FILES = tuple(  # settings that name files, or a model on the hub
    f"encoder.{name}" for name in ("image.weights", "image.model", "text.name", "text.table", "text.tokenizer")
)
GROUPS = sorted(str(path.relative_to(CONF)) for path in CONF.rglob("*") if path.is_dir() and path.name != "hydra")
RENAMED = {  # names of earlier versions, and of the plain scripts that this suite re-does
    "model_type": "fusion",
    "model": "fusion",
    "epochs": "training.epochs",
    "steps": "training.steps",
    "batch_size": "training.batch_size",
    "lr": "optimizer.lr",
    "learning_rate": "optimizer.lr",
    "weight_decay": "optimizer.weight_decay",
    "num_epochs": "training.epochs",
    "latent_dim": "dim",
    "hidden_dim": "dim",
    "device": "training.accelerator",
    "image_encoder": "encoder/image",
    "text_encoder": "encoder/text",
    "optimizer.learning_rate": "optimizer.lr",
    "embed_dim": "dim",
    "training.learning_rate": "optimizer.lr",
    "training.lr": "optimizer.lr",
    "training.weight_decay": "optimizer.weight_decay",
    "training.warmup": "scheduler.warmup_fraction",
    "scheduler.warmup": "scheduler.warmup_fraction",
    "training.clip": "training.gradient_clip_norm",
    "training.validations": "training.num_validations",
    "dataset.validation": "dataset.validation_fraction",
    "dataset.test": "dataset.test_fraction",
    "dataset.hub": "dataset.hub_id",
    "caption.neutral": "caption.placeholder",
}
MOVED = {"caption=synergy": "task=synergy"}  # options that are in another group now
PLUGINS = {  # files that Hydra's plugins bring, and the extra of this suite that brings the plugin
    "hydra/launcher/joblib": "joblib",
    "hydra/launcher/submitit_local": "slurm",
    "hydra/launcher/submitit_slurm": "slurm",
}


def with_files_of_checkpoint(overrides: Sequence[str]) -> list[str]:
    """Return overrides that set files of encoders also where the default encoders, not the checkpoint's, have none.

    Args:
        overrides: as on the command line; without `checkpoint=` they stay as they are.
    """
    if not reads_checkpoint(overrides):
        return list(overrides)
    return [f"++{text}" if text.partition("=")[0] in ENCODER_FILES else text for text in overrides]


def reads_checkpoint(overrides: Sequence[str]) -> bool:
    """Return whether a command line names a checkpoint, whose encoders are then read."""
    return any(text.startswith("checkpoint=") for text in overrides)


def check_overrides(overrides: Sequence[str], multirun: bool) -> None:
    """Check the names of settings and options, those added with `+` or removed with `~` too, and compose a config.

    Args:
        overrides: as on the command line.
        multirun: whether several values, `fusion=film,concat`, are a sweep.

    Raises:
        ValueError: a setting or an option does not exist, and the nearest one is named; or the overrides cannot be read
            or do not fit together.
    """
    for text in overrides:
        if "=" not in text and not text.startswith("~"):
            raise ValueError(f"{text!r} is no setting=value, as in fusion=concat")
    parsed = [parse(text) for text in overrides]
    decided = multirun or any(
        o.key_or_group in ("experiment", "hydra.mode") for o in parsed
    )  # a file may ask for a sweep
    chosen, composed = [], []
    for override in parsed:
        if override.is_sweep_override() and not decided:
            raise ValueError(f"{override.input_line}: several values are a sweep: add -m")
        if override.key_or_group in GROUPS:
            chosen.append(f"{override.key_or_group}={check_option(override)}")
            composed.append(chosen[-1])
        elif not override.is_sweep_override():
            composed.append(str(override.input_line))
    config = compose_or_explain(chosen).config
    for override in parsed:
        known_later = override.key_or_group in ENCODER_FILES and reads_checkpoint(overrides)  # there
        if override.key_or_group in GROUPS or override.key_or_group.partition(".")[0] == "hydra" or known_later:
            continue
        check_key(config, override)
    compose_or_explain(composed)


def parse(text: str) -> Override:
    """Parse an override; raise ValueError, in one line, for one that Hydra cannot read."""
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException as error:
        advice = "a value with special characters needs quotes: 'name=\"a, b\"'"
        raise ValueError(f"{text!r} cannot be read ({first_line(error)}); {advice}") from error


def compose_or_explain(overrides: list[str]) -> Composition:
    """Compose a config; raise ValueError, in one line, where the overrides do not fit together."""
    try:
        return compose(overrides)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        missing = error.missing_cfg_file if isinstance(error, MissingConfigException) else None
        if isinstance(missing, str) and missing in PLUGINS:
            advice = f"pip install 'multimodal-suite[{PLUGINS[missing]}]' brings it"
            raise ValueError(f"{first_line(error).rstrip('.')}; {advice}") from error
        reasons = [first_line(e).rstrip(".") for e in (error, error.__cause__) if e is not None]
        raise ValueError(f"the settings do not fit together: {': '.join(dict.fromkeys(reasons))}") from error


def check_option(override: Override) -> str:
    """Return the option, or a sweep's first option, of a group; ValueError for none, or one that the group lacks."""
    group, value = override.key_or_group, override.value()
    if override.is_delete():
        raise ValueError(f"{group} cannot be removed{options(group)}")
    choices = option_names(group)
    given: list[Any] = [value]
    if isinstance(value, ChoiceSweep):
        given = list(value.list)
    elif isinstance(value, list):
        if group not in STACKED:
            raise ValueError(f"{group} takes one option, got {override.input_line}{several(group)}")
        given = value
    for name in given:
        if name is None:
            raise ValueError(f"{group} must be one of its options, got null{options(group)}")
    names = list(map(str, given))
    for name in names:
        if name in choices or group.startswith("hydra/"):  # plugins have options of their own
            continue
        if f"{group}={name}" in MOVED:
            raise ValueError(f"{group} has no option {name}; it is {MOVED[f'{group}={name}']} here")
        inner = sorted(path.name for path in (CONF / group).iterdir() if path.is_dir())
        near = difflib.get_close_matches(name, choices, n=1)
        owner = [part for part in inner if (CONF / group / part / f"{name}.yaml").exists()]
        if owner or (inner and not near):
            known = ", ".join(f"{group}/{part}" for part in inner)
            meant = f"; did you mean {group}/{owner[0]}={name}?" if owner else ""
            raise ValueError(f"{group} has no option {name}; its parts are the groups {known}{meant}")
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{group} has no option {name}{meant} ({', '.join(choices)})")
    return f"[{','.join(names)}]" if given is value else names[0]


def several(group: str) -> str:
    """Return how several options of a group are chosen at once, for the end of a message; nothing if they cannot be."""
    (part, *_) = [part for part in STACKED if part.startswith(f"{group}/")] or [""]
    return f"; several at once: {group}=several {part}=[...]" if part else ""


def option_names(group: str) -> list[str]:
    """Return the options of a group, an empty list for what is no group."""
    return sorted(file.stem for file in (CONF / group.replace(".", "/")).glob("*.yaml"))


def options(group: str) -> str:
    """Return the options of a group for the end of a message, nothing for what is no group."""
    names = option_names(group)
    return f"; choose {group.replace('.', '/')}={','.join(names)}" if names else ""


def check_key(config: DictConfig, override: Override) -> None:
    """Raise ValueError for a setting that does not exist, that the data decides, or that cannot be set like this."""
    key = override.key_or_group
    if key.partition(".")[0] == "sizes":
        raise ValueError(f"{key} cannot be set: it is read from the data")
    group = key.replace(".", "/")
    if group in GROUPS and not override.is_delete():
        raise ValueError(f"{key} is a component: choose it by {group}={override.value()}")
    if not has_key(config, key) and not (override.is_add() and may_add(config, key)):
        raise ValueError(f"there is no setting {key}{advice(config, key)}")
    if override.is_delete() and key.rpartition(".")[0] not in OPEN:
        inner = f"; its entries can: ~{key}.<name>" if key in OPEN else ""
        raise ValueError(f"{key} cannot be removed; give it another value{inner}")
    if not override.is_delete() and override.value() == {}:
        raise ValueError(f"{key}={{}} would change nothing: ~{key}.<name> removes an entry")


def has_key(config: DictConfig, key: str) -> bool:
    """Return whether the config has a dotted key, null or not."""
    *path, last = key.split(".")
    node = OmegaConf.select(config, ".".join(path)) if path else config
    return isinstance(node, DictConfig) and last in node


def may_add(config: DictConfig, key: str) -> bool:
    """Return whether a key that the config lacks would be read: by an open mapping, or as a component's argument."""
    parent, _, last = key.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else None
    if not isinstance(node, DictConfig) or "_target_" not in node:
        return parent in OPEN
    return last in inspect.signature(get_object(node["_target_"])).parameters


def advice(config: DictConfig, key: str) -> str:
    """Return what to write instead of an unknown key, as the end of a sentence."""
    if key in RENAMED:
        return f"; it is {RENAMED[key]} here"
    parent, _, last = key.rpartition(".")
    owners = options_with(parent.replace(".", "/"), last)
    if owners:
        return f"; {parent.replace('.', '/')}={','.join(owners)} {'has' if len(owners) == 1 else 'have'} it"
    children = OmegaConf.select(config, parent) if parent else None
    if isinstance(children, DictConfig):  # a part that exists: its own settings first
        own = [str(name) for name in children if not str(name).startswith("_")]
        near = difflib.get_close_matches(last, own, n=1, cutoff=0.7)
        return f"; did you mean {parent}.{near[0]}?" if near else f"; {parent} has {', '.join(own) or 'none'}"
    known = [*keys(config), *GROUPS]
    ends = {name: name.rpartition(".")[2] for name in known}
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    near = near or [name for name in known if ends[name] == last][:1]
    near = near or [name for name in known if ends[name] in difflib.get_close_matches(key, ends.values(), n=1)][:1]
    return f"; did you mean {near[0]}?" if near else "; --help lists the groups, --cfg job every setting"


def options_with(group: str, name: str) -> list[str]:
    """Return the options of a group whose component has a setting of this name, an empty list for what is no group."""
    names = option_names(group) if group in GROUPS else []
    files = {option: OmegaConf.load(CONF / group / f"{option}.yaml") for option in names}
    return [option for option, config in files.items() if "_target_" in config and name in config]


def keys(node: DictConfig, prefix: str = "") -> Iterator[str]:
    """Yield every dotted key of a config, those of components included."""
    for name in map(str, node):
        if name.startswith("_"):
            continue
        yield f"{prefix}{name}"
        child = None if OmegaConf.is_interpolation(node, name) else node._get_node(name)
        if isinstance(child, DictConfig) and not child._is_none():
            yield from keys(child, f"{prefix}{name}.")
