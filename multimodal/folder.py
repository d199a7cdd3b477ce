"""The folder of a run: its name, what it holds, and how far it has come."""

import ast
import hashlib
import importlib.util
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from multimodal.files import write_json, write_text

log = logging.getLogger(__name__)

# What changes a result; tracking, paths and hardware do not.
KEYED = ("dataset", "caption", "encoder", "missing", "fusion", "head", "loss", "training", "seed", "dim")
KEYED += ("fusion_parameters",)
NOT_KEYED = {"dataset": ("path", "hub", "embedded"), "training": ("devices", "accelerator")}
REPLACED = "replaced"  # folder beside the runs, for what `resume=false` sets aside


def run_name(config: dict[str, Any]) -> tuple[str, str]:
    """(folder name, key); the key hashes what changes the result."""
    keyed = {part: config[part] for part in KEYED}
    for part, names in NOT_KEYED.items():
        keyed[part] = {name: value for name, value in keyed[part].items() if name not in names}
    keyed["data"] = [config["data_source"], config["fingerprint"]]
    keyed["weights"] = digest(config["image_weights"])
    keyed["code"] = [source_digest(target) for target in sorted(targets(keyed))]
    key = hashlib.sha256(json.dumps(keyed, sort_keys=True).encode()).hexdigest()[:8]
    return f"{config['choices']['dataset']}-{config['choices']['fusion']}-s{config['seed']}-{key}", key


def targets(part: Any) -> set[str]:
    """Every `_target_` in a config, at any depth."""
    values = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    found = {target for value in values for target in targets(value)}
    return found | ({part["_target_"]} if isinstance(part, dict) and "_target_" in part else set())


@cache  # what was edited since this process began is not what it runs
def source_digest(target: str) -> str:
    """Of the file that holds a class or function and of ours that it imports: an edit in any makes another run."""
    texts = [file.read_bytes() for file in sorted(sources(target.rpartition(".")[0], set()))]
    return hashlib.sha256(b"".join(texts)).hexdigest()


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


def evaluation_key(config: dict[str, Any]) -> str:
    """Hashes what changes the evaluation of a trained model."""
    settings = json.dumps(config["evaluation"] | {"cache_dir": None}, sort_keys=True)
    return hashlib.sha256(settings.replace(str(config["cache_dir"]), "").encode()).hexdigest()[:8]


def run_folder(cfg: DictConfig, config: dict[str, Any]) -> Path:
    """Where this experiment lives; an error if another one does."""
    name, key = run_name(config)
    multirun = HydraConfig.get().mode is RunMode.MULTIRUN
    folder = Path(cfg.output_dir or "runs") / name if multirun else Path(cfg.output_dir or f"runs/{name}")
    file = folder / "config.yaml"
    if file.exists() and OmegaConf.load(file).get("key") != key:
        raise ValueError(f"{folder} holds another experiment; give another output_dir")
    if folder.exists() and not file.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not the folder of a run, and not empty; give another output_dir")
    return folder


def finished(folder: Path, config: dict[str, Any]) -> bool:
    """Whether these numbers are already there, of this evaluation."""
    file = folder / "metrics.json"
    return file.exists() and json.loads(file.read_text()).get("evaluation_key") == evaluation_key(config)


def prepare_folder(folder: Path, config: dict[str, Any], resume: bool) -> None:
    """Makes it, or keeps what an earlier attempt left; with `resume` false that is set aside, and said."""
    if folder.exists() and not resume:
        places = (folder.parent / REPLACED / f"{folder.name}-{i}" for i in count(1))
        aside = next(place for place in places if not place.exists())
        aside.parent.mkdir(exist_ok=True)
        folder.rename(aside)
        log.warning("resume=false: the run that was in %s is now in %s", folder, aside)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").unlink(missing_ok=True)  # it says that a run is finished
    save_config(folder, config)


def save_config(folder: Path, config: dict[str, Any]) -> None:
    """Whole or not at all."""
    write_text(OmegaConf.to_yaml(OmegaConf.create(config)), folder / "config.yaml")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """No two processes work on one run: ValueError if another one does."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.parent / f".{folder.name}.lock", timeout=0):
            yield
    except Timeout as error:
        raise ValueError(f"another process is working on {folder}; wait for it, or give another output_dir") from error


@contextmanager
def status_of(folder: Path) -> Iterator[None]:
    """Keeps `status.json`: running, then finished, interrupted or failed, with the traceback."""
    write_json({"status": "running"}, folder / "status.json")
    try:
        yield
    except BaseException as error:
        status = "failed" if isinstance(error, Exception) else "interrupted"
        found = {"status": status, "error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        write_json(found, folder / "status.json")
        raise
    write_json({"status": "finished"}, folder / "status.json")


def evaluation_folder(cfg: DictConfig, file: Path, config: dict[str, Any]) -> Path:
    """Beside the checkpoint, or as `output_dir` says; never the folder of a training run."""
    folder = Path(cfg.output_dir or file.parent / "evaluation")
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        if not cfg.output_dir:
            raise ValueError("a sweep of evaluations needs output_dir=<a folder of its own>")
        folder = folder / f"{run_name(config)[0]}-{file.stem}-{evaluation_key(config)}"
    if (folder / "last.pt").exists():
        raise ValueError(f"{folder} holds a training run; give another output_dir")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
