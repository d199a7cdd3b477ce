"""Check every setting before the data is read: its type by its constructor, its range by building all parts.

The parts of the model are built on PyTorch's meta device, which takes no memory, with stand-ins for the sizes that
only the data knows.
"""

import inspect
import math
import os
import re
import traceback
import types
import warnings
from collections.abc import Collection, Iterator, Sequence
from functools import reduce
from typing import Any, Union, get_args, get_origin

import torch
from hydra.errors import InstantiationException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from multimodal.checks import check_number, check_seed, check_whole
from multimodal.errors import describe, first_line
from multimodal.runs.build import as_dict, build_loss, build_model, merged
from multimodal.runs.composition import CONF
from multimodal.runs.overrides import options

EXPECTED = (ValueError, FloatingPointError, OSError)  # what a component raises for a mistake of its user
EVALUATOR = "multimodal.evaluation.evaluator.Evaluator"  # built of the node evaluation
MODEL = ("encoder", "missing", "fusion", "head", "loss")  # groups whose parts fit together
# parts whose values may be compared like fusions: others change the data or what is measured
COMPARABLE = ("encoder", "missing", "head", "loss", "training", "optimizer", "scheduler", "dim")
NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", types.NoneType: "null"}
MANY = {int: "a list of whole numbers", float: "a list of numbers", str: "a list of texts"}
BYTES = 16  # a trained parameter takes: itself, its gradient, two moments of AdamW, in float32
# {setting of the config's root: its type}
ROOT: dict[str, Any] = {"seed": int, "dim": int, "fusion_parameters": int | None, "resume": bool, "requeue": bool}
ROOT |= dict.fromkeys(("checkpoint", "text", "image", "samples", "push", "output_dir"), str | None)
ROOT |= {"cache_dir": str, "trust": str | list[str] | None}


def check_settings(cfg: DictConfig) -> None:
    """Check all settings of a config; no data is read and no weight allocated.

    Raises:
        ValueError: a setting has the wrong type or is out of range; the message has its full name.
    """
    try:
        values = as_dict(with_stand_ins(cfg))
    except OmegaConfBaseException as error:
        raise ValueError(f"the settings do not fit together: {first_line(error)}") from error
    for name, kind in ROOT.items():
        check_type(name, values[name], kind)
    if values["requeue"] and not values["resume"]:
        raise ValueError("requeue=true needs resume=true: a job that begins anew would never end")
    check_seed("", seed=values["seed"])
    check_whole("", most=2**16, dim=values["dim"])
    check_type("report", values["report"], dict[str, Any])
    check_type("report.margin", values["report"]["margin"], float)
    check_compared(values["report"]["compared"])
    check_number("report", above=0, below=1, margin=values["report"]["margin"])
    first = ("caption", "task", "dataset")  # other parts take values from these
    for group in sorted(groups(), key=lambda name: first.index(name) if name in first else len(first)):
        check_part(group, values.get(group))
    for group in MODEL:
        check_shared(group, values[group], values["sizes"] | {"dim": values["dim"]})
    # prepare_data checks the data's ranges; these two belong to other parts too, which would name their own settings
    check_seed("dataset", seed=values["dataset"]["seed"])
    check_whole("dataset", 11, 4096, image_size=values["dataset"]["image_size"])  # 11: the window of SSIM


def check_compared(names: Any) -> None:
    """Raise ValueError unless these are None, or parts of the config or settings in them that change no data."""
    if names is None:
        return
    many = isinstance(names, Sequence) and not isinstance(names, str)
    if not many or not {str(name).replace("/", ".").partition(".")[0] for name in names} <= {*COMPARABLE}:
        raise ValueError(
            f"report.compared must be a list such as [loss] or [training.modality_dropout], of {', '.join(COMPARABLE)} "
            f"or settings in them, got {names}; fusions are always compared"
        )


def groups() -> list[str]:
    """Return the groups of which every config has a component or several."""
    return [path.name for path in CONF.iterdir() if path.is_dir() and path.name not in ("experiment", "hydra")]


def check_part(name: str, node: Any) -> None:
    """Check the types of a component's settings, then the components in it.

    Args:
        name: the node's dotted name.
        node: plain values; a component is a mapping with `_target_`.
    """
    if node is None:
        raise ValueError(f"{name} must be a component, got null{options(name)}")
    if not isinstance(node, dict):
        raise ValueError(f"{name} must be a component, got {shown(node)}{options(name)}")
    target = EVALUATOR if name == "evaluation" else node.get("_target_")
    kinds = {} if target is None else signature(name, target)
    if name == "evaluation":
        kinds |= {"figures": object | None}
    for key in sorted(node, key=lambda key: isinstance(node[key], dict)):
        if not key.startswith("_"):
            check_type(f"{name}.{key}", node[key], kinds.get(key, Any))


def check_shared(name: str, node: Any, shared: dict[str, int]) -> None:
    """Raise ValueError where a part of the model has another width or size than the others.

    Args:
        name: the node's dotted name.
        node: plain values.
        shared: {`dim`, or a size that is read from the data: its value}.
    """
    for key, value in node.items() if isinstance(node, dict) else ():
        if key in shared and value != shared[key]:
            origin = "dim" if key == "dim" else f"sizes.{key}"
            raise ValueError(f"{name}.{key} must be ${{{origin}}}, which all parts share, got {shown(value)}")
        check_shared(f"{name}.{key}", value, shared)


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
        if get_origin(kind) is not dict:
            check_part(name, value)
            return
        for key, item in value.items():
            check_type(f"{name}.{key}", item, get_args(kind)[1])
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
    return " or ".join(dict.fromkeys(map(word, options)))


def word(kind: Any) -> str:
    """Return how a message names a type that is no union."""
    if get_origin(kind) is dict:
        return "a mapping"
    if get_origin(kind) is list:
        return MANY.get(get_args(kind)[0], "a list")
    return NAMES.get(kind, "a component")


def shown(value: Any) -> str:
    """Return a value as a message shows it, cut after 80 characters."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def explain(error: BaseException, cfg: DictConfig) -> str:
    """Return in one line why a component could not be built; its settings follow where the reason is a library's.

    Args:
        error: what was raised, wrapped by Hydra or not.
        cfg: the whole config.
    """
    cause = error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error
    match = re.search(r"full_key: (\S+)", str(error))
    node = "" if match is None else match[1]
    settings = OmegaConf.select(with_stand_ins(cfg), node) if node else None
    if out_of_memory(cause):
        return f"out of memory ({first_line(cause)}); give a smaller training.batch_size, evaluation.batch_size or dim"
    if isinstance(cause, EXPECTED) and (settings is None or raised_here(cause)):
        # one of several trackers names its settings as if it were the only one
        prefix = f"{node}: " if node.startswith("tracking.trackers.") else ""
        return f"{prefix}{describe(cause)}{origins(describe(cause), cfg)}"
    reason = first_line(cause) if isinstance(cause, EXPECTED) else f"{type(cause).__name__}: {first_line(cause)}"
    if settings is None:
        return reason
    listed = [f"{node}.{key}={shown(settings[key])}" for key in settings if not str(key).startswith("_")]
    return f"{node} cannot be built ({reason}) with {', '.join(listed)}"


def origins(message: str, cfg: DictConfig) -> str:
    """Return of which others the settings that a message names have their values: ` (encoder.text.dim is ${dim})`."""
    settings, found = OmegaConf.to_container(cfg, resolve=False), []
    for name in dict.fromkeys(re.findall(r"\w+(?:\.\w+)+", message)):
        value: Any = settings
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if str(value).startswith("${"):
            found.append(f"{name} is {value}")
    return f" ({', '.join(found)})" if found else ""


def out_of_memory(error: BaseException) -> bool:
    """Return whether Python, the CPU's or a GPU's allocator had no memory left."""
    by_torch = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return by_torch or isinstance(error, MemoryError | torch.OutOfMemoryError)


def raised_here(error: BaseException) -> bool:
    """Return whether this package raised an error, in its own words, and not a library that it calls."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    raiser = str(frames[-1].f_globals.get("__name__")) if frames else __name__
    return raiser.partition(".")[0] == __name__.partition(".")[0]


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
        build_loss(sized)
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
