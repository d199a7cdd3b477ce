"""The key of a run: a hash of all that changes its result, so that the same command finds what it has done already."""

import ast
import hashlib
import importlib.util
import json
from copy import deepcopy
from functools import cache, reduce
from pathlib import Path
from typing import Any

# What changes a result; tracking, paths and the kind of hardware do not.
KEYED = ("dataset", "caption", "encoder", "missing", "fusion", "head", "loss", "training", "seed", "dim")
KEYED += ("fusion_parameters",)
# Data and weights count by their content.
NOT_KEYED = ("dataset.source", "dataset.path", "dataset.hub_id", "dataset.embedded", "encoder.image.weights")
NOT_KEYED += ("training.accelerator",)
NOT_EVALUATED = ("evaluation.image_judge.cache",)
BUILT_BY = "multimodal.runs.build.build_model"
PACKAGE = Path(__file__).parent.parent
EVALUATED_BY = "multimodal.evaluation.evaluator.Evaluator"


def run_key(config: dict[str, Any], data_source: str, fingerprint: str, weights: dict[str, str]) -> str:
    """Hash what changes the trained model: settings, code, and the content of data and weights.

    Args:
        config: resolved.
        data_source: where the data came from.
        fingerprint: of the data.
        weights: {modality: what its encoder started from}.
    """
    keyed = without({part: config[part] for part in KEYED}, NOT_KEYED)
    keyed["data"] = [data_source, fingerprint]
    keyed["weights"] = {modality: file_digest(name) for modality, name in weights.items()}
    return key_of(keyed, targets(keyed) | {BUILT_BY})


def evaluation_key(config: dict[str, Any], checkpoint: str | None, fingerprint: str) -> str:
    """Hash what changes the evaluation of a trained model: settings, code, and for a checkpoint that and its data.

    Args:
        config: resolved.
        checkpoint: SHA-256 of the file that is evaluated; None right after training, where the run's key says it.
        fingerprint: of the data that a checkpoint is evaluated on.
    """
    settings = without({"evaluation": config["evaluation"]}, NOT_EVALUATED)
    keyed = settings if checkpoint is None else settings | {"checkpoint": checkpoint, "data": fingerprint}
    return key_of(keyed, targets(settings) | {EVALUATED_BY})


def key_of(keyed: dict[str, Any], code: set[str]) -> str:
    """Return eight hexadecimal digits for settings and for the code that they name."""
    keyed = keyed | {"code": [source_digest(target) for target in sorted(code)]}
    return hashlib.sha256(json.dumps(keyed, sort_keys=True).encode()).hexdigest()[:8]


def code_keys(config: dict[str, Any]) -> dict[str, str]:
    """Return `fusion_code` and `code`: hashes of the fusion's code, and of the code that all fusions share."""
    fusion = targets(config["fusion"])
    shared = targets(without({part: config[part] for part in (*KEYED, "evaluation")}, ("fusion", "evaluation.figures")))
    return {"fusion_code": key_of({}, fusion), "code": key_of({}, shared | {BUILT_BY, EVALUATED_BY})}


def without(config: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return a copy of the config without the given dotted keys."""
    kept = deepcopy(config)
    for name in names:
        *path, last = name.split(".")
        reduce(lambda part, key: part.get(key, {}), path, kept).pop(last, None)
    return kept


def targets(part: Any) -> set[str]:
    """Return every class and function that a config names, at any depth.

    It names them by `_target_`, or by the `path` of Hydra's `get_method`, `get_class` and `get_object`.
    """
    values = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    found = {target for value in values for target in targets(value)}
    if isinstance(part, dict) and "_target_" in part:
        found.add(part["path"] if part["_target_"].startswith("hydra.utils.get_") else part["_target_"])
    return found


@cache  # what was edited since this process began is not what it runs
def source_digest(target: str) -> str:
    """Of the file that holds a class or function and of ours that it imports: an edit in any makes another run."""
    texts = [statements(file) for file in sorted(sources(target.rpartition(".")[0], set()))]
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def statements(file: Path) -> str:
    """What a file does: its code without comments, docstrings and layout."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def sources(module: str, found: set[Path]) -> set[Path]:
    """`found` with a module's file and those of the package's modules that it imports, directly or not."""
    file = source_file(module)
    if file is None or file in found:
        return found
    found.add(file)
    for name in imported(file):
        sources(name, found)
    return found


@cache
def source_file(module: str) -> Path | None:
    """None for a name that is no module."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


@cache
def imported(file: Path) -> list[str]:
    """What a file imports from this package: modules, and names that may be modules."""
    return imported_names(file.read_text(encoding="utf-8"), file)


def imported_names(code: str, file: Path) -> list[str]:
    """Return what the code of a file of this package imports from the package, by full names."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:  # relative: as many folders up, less one, from the file
                parents = file.relative_to(PACKAGE.parent).parts[: -node.level]
                module = ".".join((*parents, module)).rstrip(".")
            found += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return [name for name in found if name.partition(".")[0] == PACKAGE.name]


def file_digest(weights: str) -> str:
    """Return the SHA-256 of a file, or the name itself (`imagenet`, `random`) if it is not a file."""
    return hashlib.sha256(Path(weights).read_bytes()).hexdigest() if Path(weights).is_file() else weights
