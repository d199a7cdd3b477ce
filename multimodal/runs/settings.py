"""Check every setting before the data is read: its type by its constructor, its range by building all parts.

The parts of the model are built on PyTorch's meta device, which takes no memory, with stand-ins for the sizes that
only the data knows.
"""

import inspect
import math
import os
import types
import warnings
from collections.abc import Collection, Iterator
from functools import reduce
from typing import Any, Union, get_args, get_origin

import torch
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from multimodal.checks import check_flag, check_number, check_seed, check_whole
from multimodal.runs.build import as_dict, build_model, merged
from multimodal.runs.composition import CONF

NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", types.NoneType: "null"}
MANY = {int: "a list of whole numbers", float: "a list of numbers", str: "a list of texts"}
BYTES = 16  # a trained parameter takes: itself, its gradient, two moments of AdamW, in float32
ROOT = {"dim": int, "checkpoint": str | None, "text": str | None, "image": str | None, "output_dir": str | None}
ROOT |= {"cache_dir": str, "fusion_parameters": int | None, "seed": int, "resume": bool}


def check_settings(cfg: DictConfig) -> None:
    """Check all settings of a config; no data is read and no weight allocated.

    Raises:
        ValueError: a setting has the wrong type or is out of range; the message has its full name.
    """
    try:
        values = as_dict(with_stand_ins(cfg))
    except OmegaConfBaseException as error:
        raise ValueError(f"the settings do not fit together: {str(error).splitlines()[0]}") from error
    for name, kind in ROOT.items():
        check_type(name, values[name], kind)
    check_seed("", seed=values["seed"])
    check_whole("", most=2**16, dim=values["dim"])
    check_flag("", resume=values["resume"])
    check_number("report", above=0, below=1, margin=values["report"]["margin"])
    for group in groups(values):
        check_part(group, values[group])


def groups(values: dict[str, Any]) -> list[str]:
    """Return the top-level nodes that hold components."""
    return [name for name in values if (CONF / name).is_dir() and name not in ("experiment", "hydra")]


def check_part(name: str, node: Any) -> None:
    """Check the types of a component's settings, and of the components in it.

    Args:
        name: the node's dotted name.
        node: plain values; a component is a mapping with `_target_`.
    """
    if isinstance(node, dict) and "_target_" in node:
        target = node["_target_"]
        parameters = signature(name, target)
        for key, value in node.items():
            if not key.startswith("_") and key in parameters:
                check_type(f"{name}.{key}", value, parameters[key])
    elif isinstance(node, dict):
        for key, value in node.items():
            check_part(f"{name}.{key}", value)
    elif node is None:
        raise ValueError(f"{name} must be a component, got null{options(name)}")
    else:
        check_type(name, node, type(node))


def signature(name: str, target: str) -> dict[str, Any]:
    """Return {argument: type} of a class or function; an argument without a type has Any."""
    try:
        parameters = inspect.signature(get_object(target), eval_str=True).parameters
    except Exception as error:  # what a module raises at its import
        raise ValueError(f"{name}: there is no {target} ({str(error).splitlines()[0]})") from error
    return {key: Any if p.annotation is p.empty else p.annotation for key, p in parameters.items()}


def check_type(name: str, value: Any, kind: Any) -> None:
    """Raise ValueError unless a value has the type that its argument declares.

    Args:
        name: the setting's full name.
        value: as in the config: None, a number, a text, a list or a mapping.
        kind: the type: of those, a union of them, or that of a component.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value}")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError(f"{name} must be a number below 2^63, got {value}")
    if isinstance(value, dict):
        if plain(kind):
            raise ValueError(f"{name} must be {wording(kind)}, got a mapping")
        values = get_args(kind)[1] if get_origin(kind) is dict else Any
        if "_target_" in value or values is Any:
            check_part(name, value)
            return
        for key, item in value.items():
            check_type(f"{name}.{key}", item, values)
    elif not matches(value, kind):
        raise ValueError(f"{name} must be {wording(kind)}, got {shown(value)}{'' if plain(kind) else options(name)}")


def matches(value: Any, kind: Any) -> bool:
    """Return whether a value, not a mapping, has a type; a whole number is a number too."""
    if kind is Any:
        return True
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return any(matches(value, option) for option in get_args(kind))
    if origin in (list, Collection) or kind is list:
        return isinstance(value, list) and all(matches(v, (get_args(kind) or (Any,))[0]) for v in value)
    if kind is float:
        return type(value) in (int, float)
    if kind is None:
        return value is None
    return type(value) is kind


def plain(kind: Any) -> bool:
    """Return whether a type is one of numbers, texts, flags and lists, and not that of a component."""
    options = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return all(option in NAMES or get_origin(option) is list for option in options)


def wording(kind: Any) -> str:
    """Return how a message names a type: `a whole number or null`."""
    options = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    words = [
        MANY.get(get_args(o)[0], "a list") if get_origin(o) is list else NAMES.get(o, "a component") for o in options
    ]
    return " or ".join(dict.fromkeys(words))


def shown(value: Any) -> str:
    """Return a value as a message shows it, cut after 80 characters."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def options(name: str) -> str:
    """Return the choices of a group for the end of a message, nothing for what is no group."""
    files = sorted(file.stem for file in (CONF / name.replace(".", "/")).glob("*.yaml"))
    return f"; choose {name.replace('.', '/')}={','.join(files)}" if files else ""


def check_model(cfg: DictConfig) -> None:
    """Build model and loss on the meta device, with stand-ins for the sizes of the data.

    Args:
        cfg: the whole config; `sizes` is not filled in.

    Raises:
        ValueError: a part refuses its settings, or would not fit into memory.
    """
    sized = with_stand_ins(cfg)
    with torch.device("meta"), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # weights that are read are not copied to the meta device
        model = build_model(sized)
        instantiate(sized.loss, _convert_="all")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for node, part in parts(model):
        count = sum(p.numel() for p in part.parameters())
        if BYTES * count > memory:
            raise ValueError(
                f"{largest(node, as_dict(sized))}: {count:.3g} parameters take {BYTES * count / 1e9:.3g} GB in "
                f"training, but this machine has {memory / 1e9:.3g} GB; give a smaller number"
            )


def with_stand_ins(cfg: DictConfig) -> DictConfig:
    """Return a copy of the config with stand-ins for the sizes that only the data knows."""
    known = {"channels": cfg.dataset.channels, "image_size": cfg.dataset.image_size}
    return merged(cfg, {"sizes": {"num_classes": 2, "vocab_size": 8, "max_length": 8} | known})


def parts(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the parts of a model with the names of their nodes in the config."""
    for name, part in model.named_children():
        if isinstance(part, nn.ModuleDict):
            yield from ((f"{name.removesuffix('s')}.{key}", child) for key, child in part.items())
        else:
            yield name, part


def largest(node: str, values: dict[str, Any]) -> str:
    """Return the largest whole number among a component's settings, as `fusion.hidden=1000000`."""
    settings: dict[str, Any] = reduce(lambda part, key: part[key], node.split("."), values)
    sizes = {
        f"{node}.{key}": max(value) if isinstance(value, list) else value
        for key, value in settings.items()
        if type(value) is int or (isinstance(value, list) and value and type(value[0]) is int)
    }
    name = max(sizes, key=lambda key: sizes[key])
    return f"{'dim' if name == f'{node}.dim' else name}={sizes[name]}"
