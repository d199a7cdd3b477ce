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
NOT_KEYED = ("dataset.source", "dataset.path", "dataset.hub", "dataset.embedded", "encoder.image.weights")
NOT_KEYED += ("training.accelerator",)
BUILT_BY = "multimodal.runs.build.build_model"
EVALUATED_BY = "multimodal.evaluation.evaluator.Evaluator"


def run_name(config: dict[str, Any]) -> tuple[str, str]:
    """(folder name, key); the key hashes what changes the result."""
    keyed = without({part: config[part] for part in KEYED}, NOT_KEYED)
    keyed["data"] = [config["data_source"], config["fingerprint"]]
    keyed["weights"] = digest(config["image_weights"])
    key = key_of(keyed, targets(keyed) | {BUILT_BY})
    return f"{config['choices']['dataset']}-{config['choices']['fusion']}-s{config['seed']}-{key}", key


def evaluation_key(config: dict[str, Any]) -> str:
    """Hashes what changes the evaluation of a trained model: settings, code, and for a checkpoint that and its data."""
    settings = without({"evaluation": config["evaluation"]}, ("evaluation.image_judge.cache",))
    keyed = settings | {name: config.get(name) for name in ("checkpoint_digest", "evaluated_data")}
    return key_of(keyed, targets(settings) | {EVALUATED_BY})


def key_of(keyed: dict[str, Any], code: set[str]) -> str:
    """Eight hexadecimal digits for settings and for the code that they name."""
    keyed = keyed | {"code": [source_digest(target) for target in sorted(code)]}
    return hashlib.sha256(json.dumps(keyed, sort_keys=True).encode()).hexdigest()[:8]


def code_of(config: dict[str, Any]) -> dict[str, str]:
    """{`fusion_code`, `code`}: the code of the fusion, and that of all else which a comparison of fusions shares."""
    fusion = targets(config["fusion"])
    shared = targets(without({part: config[part] for part in (*KEYED, "evaluation")}, ("fusion", "evaluation.figures")))
    return {"fusion_code": key_of({}, fusion), "code": key_of({}, shared | {BUILT_BY, EVALUATED_BY})}


def without(config: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """A copy that lacks what these dotted names lead to."""
    kept = deepcopy(config)
    for name in names:
        *path, last = name.split(".")
        reduce(lambda part, key: part.get(key, {}), path, kept).pop(last, None)
    return kept


def targets(part: Any) -> set[str]:
    """Every `_target_` in a config, at any depth."""
    values = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    found = {target for value in values for target in targets(value)}
    return found | ({part["_target_"]} if isinstance(part, dict) and "_target_" in part else set())


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
    nodes = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in nodes if (node.module or "").startswith("multimodal")]
    return [name for node in ours for name in (node.module, *(f"{node.module}.{a.name}" for a in node.names))]


def digest(weights: str) -> str:
    """Of a file's content, or the name of weights that are none."""
    return hashlib.sha256(Path(weights).read_bytes()).hexdigest() if Path(weights).is_file() else weights
