"""Check the names of the settings on a command line before Hydra composes them; an unknown one gets a suggestion."""

import difflib
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import HydraException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from multimodal.runs.composition import CONF, compose

OPEN = ("loss.terms", "loss.weights", "evaluation.measures")  # mappings that a user may add entries to
RENAMED = {  # names of earlier versions, and of the plain scripts that this suite re-does
    "model_type": "fusion",
    "model": "fusion",
    "epochs": "training.epochs",
    "steps": "training.steps",
    "batch_size": "training.batch_size",
    "lr": "optimizer.lr",
    "learning_rate": "optimizer.lr",
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


def check_overrides(overrides: Sequence[str]) -> None:
    """Raise ValueError for the first setting that no part of the suite has, also one that is added with `+`.

    What Hydra words well itself is left to it: an override that cannot be parsed, an option that a group lacks.

    Args:
        overrides: as on the command line.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        groups = [first_choice(o) for o in parsed if is_group(o) and not o.is_delete()]
        config = compose(groups).config
    except HydraException:
        return
    for override in parsed:
        key = override.key_or_group
        ours = not is_group(override) and key.partition(".")[0] != "hydra" and not override.is_delete()
        if ours and not has_key(config, key) and not (override.is_add() and may_add(config, key)):
            raise ValueError(f"there is no setting {key}{advice(config, key)}")


def is_group(override: Override) -> bool:
    """Return whether an override chooses an option of a group."""
    return (CONF / override.key_or_group).is_dir()


def first_choice(override: Override) -> str:
    """Return a group's override without its sweep."""
    value: Any = override.value()
    if isinstance(value, ChoiceSweep):
        value = value.list[0]
    return f"{override.key_or_group}={'null' if value is None else value}"


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
    known = [*keys(config), *(str(p.relative_to(CONF)) for p in CONF.rglob("*") if p.is_dir())]
    last = {name: name.rpartition(".")[2] for name in known}
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    near = near or [name for name in known if last[name] == key.rpartition(".")[2]][:1]
    near = near or [name for name in known if last[name] in difflib.get_close_matches(key, last.values(), n=1)][:1]
    return f"; did you mean {near[0]}?" if near else "; --help lists the groups, --cfg job every setting"


def keys(node: DictConfig, prefix: str = "") -> Iterator[str]:
    """Yield every dotted key of a config, those of components included."""
    for name in map(str, node):
        if name.startswith("_"):
            continue
        yield f"{prefix}{name}"
        child = None if OmegaConf.is_interpolation(node, name) else node._get_node(name)
        if isinstance(child, DictConfig) and not child._is_none():
            yield from keys(child, f"{prefix}{name}.")
