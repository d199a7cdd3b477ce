"""Compute the key of a run: a hash of all that changes its result, so that a repeated command finds its run."""

import ast
import hashlib
import importlib.util
import json
import sysconfig
from copy import deepcopy
from functools import cache, reduce
from pathlib import Path
from typing import Any

# What changes a result; tracking, paths and the kind of hardware do not.
KEYED = ["dataset", "caption", "task", "encoder", "missing", "fusion", "head", "loss", "training", "seed", "dim"]
KEYED += ["fusion_parameters"]
# Data and weights count by their content.
NOT_KEYED = ["dataset.source", "dataset.path", "dataset.hub_id", "dataset.embedded", "encoder.image.weights"]
NOT_KEYED += ["encoder.image.model"]
NOT_KEYED += ["encoder.text.weights", "encoder.text.name", "encoder.text.table", "encoder.text.tokenizer"]
NOT_KEYED += ["training.accelerator", "training.strategy"]
NOT_EVALUATED = ["evaluation.image_judge.cache"]
BUILT_BY = "multimodal.runs.build.build_model"
PACKAGE = Path(__file__).parent.parent
EVALUATED_BY = "multimodal.evaluation.evaluator.Evaluator"


def run_key(config: dict[str, Any], data_source: str, fingerprint: str, weights: dict[str, str]) -> str:
    """Hash what changes the trained model: settings, code, and the content of data and weights.

    Args:
        config: the resolved config.
        data_source: `hub`, `path` or `embedded`.
        fingerprint: hash of the data.
        weights: {modality: initial weights of its encoder: `random`, `imagenet`, or a file}.
    """
    keyed = without({part: config[part] for part in KEYED}, NOT_KEYED)
    keyed["data"] = [data_source, fingerprint]
    keyed["weights"] = {modality: file_digest(name) for modality, name in weights.items()}
    return key_of(keyed, {*targets(keyed).values(), BUILT_BY})


def evaluation_key(config: dict[str, Any], checkpoint: str | None, fingerprint: str) -> str:
    """Hash what changes the evaluation of a trained model: settings, code, and a checkpoint with its data.

    Args:
        config: the resolved config.
        checkpoint: SHA-256 of the checkpoint file; None right after training, which the run's key identifies.
        fingerprint: hash of the data that a checkpoint is evaluated on.
    """
    settings = without({"evaluation": config["evaluation"]}, NOT_EVALUATED)
    keyed = settings if checkpoint is None else settings | {"checkpoint": checkpoint, "data": fingerprint}
    return key_of(keyed, {*targets(settings).values(), EVALUATED_BY})


def key_of(keyed: dict[str, Any], code: set[str]) -> str:
    """Return eight hexadecimal digits for settings and for the code that they name."""
    keyed = keyed | {"code": [source_digest(target) for target in sorted(code)]}
    return hashlib.sha256(json.dumps(keyed, sort_keys=True).encode()).hexdigest()[:8]


def code_keys(config: dict[str, Any]) -> dict[str, Any]:
    """Return hashes of the fusion's code, of the code that all fusions share, and of each part of the latter.

    Args:
        config: the resolved config.

    Returns:
        `fusion_code`, `code`, and `code_parts`: {dotted place of a component in the config: hash of its code}.
    """
    places = targets(without({part: config[part] for part in (*KEYED, "evaluation")}, ["fusion", "evaluation.figures"]))
    places |= {"model": BUILT_BY, "evaluation": EVALUATED_BY}
    return {
        "fusion_code": key_of({}, {*targets(config["fusion"]).values()}),
        "code": key_of({}, {*places.values()}),
        "code_parts": {place: key_of({}, {target}) for place, target in places.items()},
    }


def without(config: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return a copy of the config without the given dotted keys."""
    remaining = deepcopy(config)
    for name in names:
        *path, last = name.split(".")
        reduce(lambda part, key: part.get(key, {}), path, remaining).pop(last, None)
    return remaining


def targets(part: Any, place: str = "") -> dict[str, str]:
    """Return every class and function that a config names, at any depth: {dotted place of its component: full name}.

    It names them by `_target_`, or by the `path` of Hydra's `get_method`, `get_class` and `get_object`.
    """
    values = part if isinstance(part, dict) else dict(enumerate(part)) if isinstance(part, list) else {}
    names = {}
    if isinstance(part, dict) and "_target_" in part:
        names[place] = part["path"] if part["_target_"].startswith("hydra.utils.get_") else part["_target_"]
    for key, value in values.items():
        names |= targets(value, f"{place}.{key}" if place else str(key))
    return names


@cache  # what was edited since this process began is not what it runs
def source_digest(target: str) -> str:
    """Hash the file that defines a class or function, and the files of this package that it imports."""
    texts = [statements(file) for file in sorted(sources(target.rpartition(".")[0], set()))]
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def statements(file: Path) -> str:
    """Return the code of a file without comments, docstrings and layout."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node, clean=False) is not None
            node.body = (node.body[1:] or [ast.Pass()]) if documented else node.body
    return ast.unparse(tree)


def sources(module: str, seen: set[Path]) -> set[Path]:
    """Add to `seen` a module's file and those that it imports, directly or not, of this package or of its own one.

    Of an installed package, which its version describes, only the module itself counts.
    """
    file = source_file(module)
    if file is None or file in seen:
        return seen
    seen.add(file)
    for name in imported(module):
        sources(name, seen)
    return seen


@cache
def source_file(module: str) -> Path | None:
    """Return the file of a module; None for a name that is no module."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


@cache
def imported(module: str) -> list[str]:
    """Return what a module imports from this package and, unless it is installed, from its own."""
    file = source_file(module)
    assert file is not None, "a module that is imported has a file"
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    installed = any(file.is_relative_to(sysconfig.get_path(kind)) for kind in ("stdlib", "purelib", "platlib"))
    followed = {PACKAGE.name} if installed else {PACKAGE.name, module.partition(".")[0]}
    names = imported_names(file.read_text(encoding="utf-8"), package)
    return [name for name in names if name.partition(".")[0] in followed]


def imported_names(code: str, package: str) -> list[str]:
    """Return what the code of a module imports, by full names: modules, and names that may be modules.

    Args:
        code: of the module.
        package: that the module is in, from which relative imports count.
    """
    names = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:  # relative: as many packages up, less one
                module = ".".join(
                    filter(None, [*package.split(".")[: len(package.split(".")) - node.level + 1], module])
                )
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return names


def file_digest(weights: str) -> str:
    """Return the SHA-256 of a file, or the name itself (`imagenet`, `random`) if it is not a file."""
    return hashlib.sha256(Path(weights).read_bytes()).hexdigest() if Path(weights).is_file() else weights
