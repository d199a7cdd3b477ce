"""Checkpoints that somebody changed: a tiny whole one, and tables of what can be wrong with it."""

import copy
import io
import json
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from multimodal.runs.build import build_model
from multimodal.runs.checkpoint import GENERATE_MAY_SET, Checkpoint, open_checkpoint
from multimodal.runs.composition import Composition, compose
from multimodal.runs.record import RunRecord
from multimodal.training.checkpoint_file import save_checkpoint
from multimodal.types import SPECIAL_WORDS
from tests.helpers.toy import SIZES

WORDS = [*SPECIAL_WORDS, "a", "thick", "seven", *(f"word{i}" for i in range(13))]
CANARY = "canary"  # a file that hostile code would write, and a module that it would import
SECRET = "MULTIMODAL_TEST_SECRET"  # an environment variable that it would read
State = dict[str, Any]


@cache
def whole_state() -> State:
    """The content of a whole checkpoint: a tiny model of digits with random weights, as training saves it."""
    composition = compose(["fusion=concat", "dim=16", "dataset.source=embedded", "training.precision=32-true"])
    sizes = SIZES | {"vocab_size": len(WORDS)}
    config = OmegaConf.to_container(OmegaConf.merge(composition.config, {"sizes": sizes}), resolve=True)
    record = RunRecord(
        config=config,
        choices=composition.choices,
        overrides=["fusion=concat"],
        data_source="embedded",
        fingerprint="00ff",
        weights={"image": "random", "text": "random"},
        checkpoint=None,
        key="12345678",
        evaluation_key="0e123456",
        code="1",
        fusion_code="2",
    )
    torch.manual_seed(0)
    model = build_model(OmegaConf.create(config)).state_dict()
    names = ["one", "two", "three"]
    return {"model": model, "record": record.as_dict(), "vocabulary": WORDS, "class_names": names, "step": 3}


@cache
def generating() -> Composition:
    """The config of `mode=generate`."""
    return compose(["mode=generate"])


def opened(file: Path, trust: Any = None) -> Checkpoint:
    """Open a checkpoint as `mode=generate` does."""
    composition = copy.deepcopy(generating())
    composition.config.checkpoint, composition.config.trust = str(file), trust
    return open_checkpoint(composition, GENERATE_MAY_SET)


def saved(folder: Path, change: Callable[[State], Any]) -> Path:
    """Write `hostile.pt`: a whole checkpoint with a change."""
    state = copy.deepcopy(whole_state())
    change(state)
    save_checkpoint(state, folder / "hostile.pt")
    return folder / "hostile.pt"


def put(place: str, value: Any) -> Callable[[State], None]:
    """A change of the config: a value in a dotted place, in which a number is the index of a list."""

    def change(state: State) -> None:
        *path, last = place.split(".")
        node = state["record"]["config"]
        for key in path:
            node = node[int(key)] if isinstance(node, list) else node.setdefault(key, {})
        if isinstance(node, list):
            node[int(last)] = value
        else:
            node[last] = value

    return change


def part(name: str, value: Any) -> Callable[[State], None]:
    """A change of a whole part: `record.key`, `vocabulary`."""

    def change(state: State) -> None:
        *path, last = name.split(".")
        for key in path:
            state = state[key]
        state[last] = value

    return change


def without(name: str) -> Callable[[State], None]:
    """A change that takes a part away."""

    def change(state: State) -> None:
        *path, last = name.split(".")
        for key in path:
            state = state[key]
        del state[last]

    return change


def tensor(change: Callable[[torch.Tensor], Any]) -> Callable[[State], None]:
    """A change of the weights' largest tensor."""

    def change_state(state: State) -> None:
        name = max(state["model"], key=lambda name: state["model"][name].numel())
        state["model"][name] = change(state["model"][name])

    return change_state


def first_value(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """A change of a tensor's first value."""

    def change(weights: torch.Tensor) -> torch.Tensor:
        weights = weights.clone()
        weights[(0,) * weights.ndim] = value
        return weights

    return change


COMMAND = {"_target_": "os.system", "command": f"touch {CANARY}"}
PLACES = ["encoder.image", "encoder.text", "missing", "fusion", "head.label", "head.image", "head.text", "caption"]
PLACES += ["loss", "loss.terms.mine", "optimizer", "scheduler", "training", "training.optimizer", "training.scheduler"]
PLACES += ["training.modality_dropout", "dataset", "dataset.embedded", "dataset.grammar", "dataset.augment"]
PLACES += ["dataset.caption", "evaluation", "evaluation.image_judge", "evaluation.measures.mine", "evaluation.figures"]
PLACES += [
    "tracking",
    "mode",
    "sizes",
    "report",
    "hydra",
    "extra.deep.down",
    "dim",
    "dataset.columns.deep",
    "output_dir",
]
PLACES += ["output_dir", "missing.dims.0.deep", "fusion.modalities.0", "fusion._args_", "encoder.audio"]
OURS = "multimodal.fusion.concat.ConcatFusion"
RUN = {"config": {"output_dir": CANARY, "report": {"margin": 0.01}}, "multirun": False}
TARGETS: dict[str, Any] = {
    "subprocess": {"_target_": "subprocess.run", "args": ["touch", CANARY]},
    "exec": {"_target_": "builtins.exec", "_args_": [f"open({CANARY!r}, 'w')"]},
    "eval": {"_target_": "builtins.eval", "_args_": [f"open({CANARY!r}, 'w')"]},
    "open": {"_target_": "builtins.open", "file": CANARY, "mode": "w"},
    "import": {"_target_": "importlib.import_module", "name": CANARY},
    "a foreign module": {"_target_": f"{CANARY}.run"},
    "a foreign module, partial": {"_target_": f"{CANARY}.run", "_partial_": True},
    "a method of pathlib": {"_target_": "pathlib.Path.touch", "self": {"_target_": "pathlib.Path", "_args_": [CANARY]}},
    "torch.hub": {"_target_": "torch.hub.load", "repo_or_dir": ".", "model": CANARY, "source": "local"},
    "torch.load": {"_target_": "torch.load", "f": "pickle.pt", "weights_only": False},
    "torch.load through our module": {
        "_target_": "multimodal.training.checkpoint_file.torch.load",
        "f": "pickle.pt",
        "weights_only": False,
    },
    "torch.load through a component": {
        "_target_": "multimodal.fusion.concat.torch.load",
        "f": "pickle.pt",
        "weights_only": False,
    },
    "our own writer": {
        "_target_": "multimodal.io.write_text",
        "text": "x",
        "path": {"_target_": "pathlib.Path", "_args_": [CANARY]},
    },
    "pathlib through our module": {"_target_": "multimodal.io.Path", "_args_": [CANARY]},
    "our report": {"_target_": "multimodal.run.report", "_convert_": "none", "composition": RUN, "tracker": None},
    "our training": {"_target_": "multimodal.run.train", "_convert_": "none", "composition": RUN, "tracker": None},
    "our tracker": {"_target_": "multimodal.tracking.wandb.WandbRun", "mode": "online"},
    "our callback": {"_target_": "multimodal.sweep.SweepTable"},
    "our data elsewhere": {"_target_": "multimodal.dataset.preparing.prepare.prepare_data", "path": "."},
    "our encoder elsewhere": {"_target_": "multimodal.encoder.image.resnet.ResNet", "weights": "pickle.pt"},
    "instantiate": {"_target_": "hydra.utils.instantiate", "config": COMMAND, "_recursive_": False},
    "call": {"_target_": "hydra.utils.call", "config": COMMAND},
    "get_method": {"_target_": "hydra.utils.get_method", "path": "os.system"},
    "get_class": {"_target_": "hydra.utils.get_class", "path": f"{CANARY}.Run"},
    "get_object": {"_target_": "hydra.utils.get_object", "path": f"{CANARY}.run"},
    "a getter by position": {"_target_": "hydra.utils.get_method", "_args_": [f"{CANARY}.run"]},
    "a getter of a getter": {"_target_": "hydra.utils.get_method", "path": "hydra.utils.get_method"},
    "functools": {"_target_": "functools.partial", "_args_": [COMMAND]},
    "a space before": {"_target_": " os.system", "command": f"touch {CANARY}"},
    "a space behind ours": {"_target_": f"{OURS} "},
    "a newline behind ours": {"_target_": f"{OURS}\n"},
    "other case": {"_target_": OURS.replace("C", "c")},
    "relative": {"_target_": f".{CANARY}.run"},
    "two dots": {"_target_": OURS.replace(".Concat", "..Concat")},
    "a method of ours": {"_target_": f"{OURS}.__init__.__globals__"},
    "a module of ours": {"_target_": OURS.rpartition(".")[0]},
    "a class that ours lacks": {"_target_": "multimodal.fusion.concat.Nothing"},
    "other letters": {"_target_": OURS.replace("o", "о")},  # Cyrillic
    "empty": {"_target_": ""},
    "list": {"_target_": ["os.system"]},
    "mapping": {"_target_": {"_target_": "os.system"}},
    "number": {"_target_": 5},
    "null": {"_target_": None},
    "true": {"_target_": True},
    "missing": {"_target_": "???"},
    "environment": {"_target_": f"${{oc.env:{SECRET}}}"},
    "interpolation": {"_target_": "${extra}"},
    "not recursive": {"_target_": OURS, "_recursive_": False, "dim": COMMAND},
    "structured": {"_target_": OURS, "_convert_": "object", "dim": COMMAND},
    "partial": {"_target_": OURS, "_partial_": True, "dim": COMMAND},
    "position": {"_target_": OURS, "_args_": [[[COMMAND]]]},
}


def cyclic(state: State) -> None:
    """A config that holds itself."""
    state["record"]["config"]["extra"] = state["record"]["config"]


def doubling(state: State) -> None:
    """A list of two that are the same list of two, and so on: 2^60 values in a few bytes."""
    node: Any = "x"
    for _ in range(60):
        node = [node, node]
    state["record"]["config"]["extra"] = node


def deep(state: State) -> None:
    """A config deeper than Python's stack."""
    node: Any = {}
    for _ in range(150):
        node = {"a": node}
    state["record"]["config"]["extra"] = node | {"b": [COMMAND]}


VALUES: dict[str, Callable[[State], None]] = {
    "an environment variable": put("dataset.path", f"${{oc.env:{SECRET}}}"),
    "an environment variable in a text": put("dataset.name", f"digits ${{oc.env:{SECRET}}}"),
    "a resolver": put("extra", "${oc.create:{a: 1}}"),
    "our resolver": put("dim", "${or:16,16}"),
    "a reference": put("dim", "${sizes.image_size}"),
    "trust of its own": lambda state: [put("trust", ["os"])(state), put("fusion", COMMAND)(state)],
    "a key with a dot": put("extra", {"encoder.image": 1}),
    "a key of bytes": put("extra", {b"a": 1}),
    "a tensor": put("dim", torch.tensor(16)),
    "a set": put("fusion.modalities", {"image", "text"}),
    "a tuple": put("fusion.modalities", ("image", "text")),
    "an OrderedDict": put("fusion", OrderedDict(_target_=OURS)),
    "bytes": put("fusion._target_", OURS.encode()),
    "cyclic": cyclic,
    "doubling": doubling,
    "deep": deep,
    "a dataset's name that leads elsewhere": part(
        "record.choices", {"dataset": "../../x", "fusion": "a", "caption": "b"}
    ),
    "a fusion's name that is a path": part("record.choices", {"dataset": "a", "fusion": "/../b", "caption": "b"}),
    "a key that is a path": part("record.key", "/../../x"),
    "an evaluation's key that leads elsewhere": part("record.evaluation_key", "../x"),
    "an absolute evaluation's key": part("record.evaluation_key", "/x"),
    "a name of two lines": part("record.key", "a\nb"),
}
PARTS: dict[str, Callable[[State], None]] = {
    "no model": without("model"),
    "no record": without("record"),
    "no vocabulary": without("vocabulary"),
    "no class names": without("class_names"),
    "no config": without("record.config"),
    "no choices": without("record.choices"),
    "record null": part("record", None),
    "record a list": part("record", []),
    "record of strings": part("record", dict.fromkeys(RunRecord.__dataclass_fields__, "x")),
    "config null": part("record.config", None),
    "config empty": part("record.config", {}),
    "config a text": part("record.config", f"fusion: {{_target_: {CANARY}.run}}"),
    "config a list": part("record.config", [COMMAND]),
    "a seed of text": put("seed", "../x"),
    "choices a list": part("record.choices", []),
    "overrides a text": part("record.overrides", "fusion=concat"),
    "a text as vocabulary": part("vocabulary", "words"),
    "a mapping as vocabulary": part("vocabulary", dict.fromkeys(WORDS, 1)),
    "numbers as vocabulary": part("vocabulary", list(range(20))),
    "a shorter vocabulary": part("vocabulary", WORDS[:-1]),
    "a vocabulary without its special words": part("vocabulary", WORDS[::-1]),
    "a vocabulary with a word twice": part("vocabulary", [*WORDS[:-1], "a"]),
    "no vocabulary in it": part("vocabulary", []),
    "fewer class names": part("class_names", ["one"]),
    "more class names": part("class_names", ["one", "two", "three", "four"]),
    "numbers as class names": part("class_names", [1, 2, 3]),
    "class names null": part("class_names", None),
    "class names a text": part("class_names", "abc"),
    "a class name twice": part("class_names", ["one", "two", "two"]),
    "weights a list": part("model", [1]),
    "weights null": part("model", None),
    "weights empty": part("model", {}),
    "weights of numbers": lambda state: state.update(model=dict.fromkeys(state["model"], 1.0)),
    "one weight more": part("model.more", torch.zeros(2)),
    "a weight with a number as its name": lambda state: state["model"].update({3: torch.zeros(2)}),
    "a weight of another shape": tensor(lambda t: t[:1]),
    "a weight without a dimension": tensor(lambda t: t.flatten()),
    "a weight of float64": tensor(torch.Tensor.double),
    "a weight of integers": tensor(torch.Tensor.int),
    "a complex weight": tensor(lambda t: t + 1j),
    "a sparse weight": tensor(torch.Tensor.to_sparse),
    "a weight of no bytes": tensor(lambda t: torch.empty(t.shape, device="meta")),
    "a huge weight of few bytes": tensor(lambda t: torch.zeros(1).expand(10**12)),
    "a weight of NaN": tensor(first_value(float("nan"))),
    "a weight of infinity": tensor(first_value(float("inf"))),
    "all weights NaN": lambda state: state.update(
        model={n: torch.full_like(t, float("nan")) if t.is_floating_point() else t for n, t in state["model"].items()}
    ),
    "no encoder": without("record.config.encoder"),
    "an encoder missing": without("record.config.encoder.text"),
    "no head for labels": without("record.config.head.label"),
    "fusion null": put("fusion", None),
    "fusion a text": put("fusion", "concat"),
    "fusion without a target": put("fusion", {"dim": 16}),
    "fusion without an argument": without("record.config.fusion.dim"),
    "fusion with an argument more": put("fusion.more", 1),
    "fusion of no modality": put("fusion.modalities", []),
    "fusion of another modality": put("fusion.modalities", ["image", "audio"]),
    "encoder a list": put("encoder", [1]),
    "training null": put("training", None),
    "training a text": put("training", "default"),
    "training of no steps": put("training.steps", -1),
    "no evaluation": without("record.config.evaluation"),
    "no sizes": without("record.config.sizes"),
    "sizes null": put("sizes", None),
    "sizes of text": put("sizes.num_classes", "3"),
    "sizes of a float": put("sizes.vocab_size", 20.0),
    "an image of no pixels": put("dataset.image_size", 0),
    "another image size": put("dataset.image_size", 10**9),
    "an image size of text": put("dataset.image_size", "28"),
    "captions of no words": put("dataset.max_words", -1),
    "dataset null": put("dataset", None),
    "a width of text": put("dim", "wide") and put("fusion.dim", "wide"),
    "a width of nothing": put("fusion.dim", None),
    "a width that no memory holds": put("encoder.image.dim", 10**15),
    "a flag of text": put("fusion._partial_", "yes"),
    "partial": put("fusion._partial_", True),
    "recursion of text": put("fusion._recursive_", "no"),
    "no recursion": put("training._recursive_", False),
}


class RunsCode:
    """Writes the canary where it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.called = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Return what unpickling calls."""
        return self.called


TOUCH = RunsCode(os.system, f"touch {CANARY}")


def array() -> bytes:
    """A file of NumPy."""
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def zipped(path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def entries(path: Path) -> dict[str, bytes]:
    """The entries of a whole checkpoint, which is left at the path."""
    save_checkpoint(whole_state(), path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(path: Path, change: Callable[[dict[str, bytes]], Any], compression: int = zipfile.ZIP_STORED) -> None:
    """Write a whole checkpoint as a new archive, with other entries."""
    content = entries(path)
    change(content)
    zipped(path, content, compression)


def named_pickle(content: dict[str, bytes]) -> str:
    """The name of the entry with the pickle."""
    return next(name for name in content if name.endswith("data.pkl"))


def tarred(path: Path) -> None:
    """Write the oldest format of torch, with a path that leads elsewhere."""
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors", f"../{CANARY}"):
            info = tarfile.TarInfo(name)
            info.size = 5
            archive.addfile(info, io.BytesIO(b"hello"))


def overlapping(path: Path) -> None:
    """Write an archive a hundred of whose entries are the same bytes."""
    zipped(path, {"archive/data.pkl": b"x" * 1000})
    content = path.read_bytes()
    start = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    directory = bytearray()
    for i in range(100):
        directory += content[start:end].replace(b"archive/data.pkl", f"archive/data{i:03d}x".encode()[:16])
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 100, 100, len(directory), start, 0)
    path.write_bytes(content[:start] + bytes(directory) + tail)


def twice(path: Path) -> None:
    """Write an archive with two pickles of one name: the first is whole, the second runs code."""
    content = entries(path)
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says that the name is there already
        archive.writestr(zipfile.ZipInfo(named_pickle(content)), pickle.dumps(TOUCH))


def symlinked(path: Path) -> None:
    """Write an archive whose pickle is a symbolic link."""
    content = entries(path)
    name = named_pickle(content)
    del content[name]
    zipped(path, content)
    link = zipfile.ZipInfo(name)
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "pickle.pt")


def flipped(path: Path, at: float) -> None:
    """Flip a bit of a whole checkpoint's bytes, at a share of its length."""
    save_checkpoint(whole_state(), path)
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 16
    path.write_bytes(content)


def replaced_pickle(value: Any) -> Callable[[dict[str, bytes]], None]:
    """A change of the entries: another pickle."""

    def change(content: dict[str, bytes]) -> None:
        content[named_pickle(content)] = pickle.dumps(value, protocol=2)

    return change


FILES: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("a checkpoint"),
    "json": lambda path: path.write_text(json.dumps({"model": 1, "record": 1, "vocabulary": []})),
    "an image": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" * 50),
    "a pointer of git": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0"),
    "an array": lambda path: path.write_bytes(array()),
    "a directory": lambda path: (path / "best.pt").mkdir(parents=True),
    "a pickle": lambda path: path.write_bytes(pickle.dumps({"model": 1})),
    "a pickle that runs code": lambda path: path.write_bytes(pickle.dumps(TOUCH)),
    "a pickle of protocol 0 that runs code": lambda path: path.write_bytes(b"cos\nsystem\n(S'touch canary'\ntR."),
    "code in torch's file": lambda path: torch.save(whole_state() | {"extra": TOUCH}, path),
    "code in place of the record": lambda path: torch.save(whole_state() | {"record": TOUCH}, path),
    "code in a vocabulary": lambda path: torch.save(whole_state() | {"vocabulary": [TOUCH]}, path),
    "code by exec": lambda path: torch.save(RunsCode(exec, "open('canary', 'w')"), path),
    "code by import": lambda path: torch.save(RunsCode(__import__, CANARY), path),
    "code by getattr": lambda path: torch.save(RunsCode(getattr, TOUCH, "system"), path),
    "a function": lambda path: torch.save(whole_state() | {"record": print}, path),
    "a class of ours": lambda path: torch.save(whole_state() | {"record": RunsCode}, path),
    "a module": lambda path: torch.save(torch.nn.Linear(2, 2), path),
    "torch's older format": lambda path: torch.save(whole_state(), path, _use_new_zipfile_serialization=False),
    "code in torch's older format": lambda path: torch.save(TOUCH, path, _use_new_zipfile_serialization=False),
    "torch's oldest format": tarred,
    "a list": lambda path: torch.save([1], path),
    "a tensor": lambda path: torch.save(torch.zeros(2), path),
    "somebody's weights": lambda path: torch.save(torch.nn.Linear(2, 2).state_dict(), path),
    "numbers as names": lambda path: torch.save({1: 2}, path),
    "a zip of nothing": lambda path: zipped(path, {}),
    "a zip of a text": lambda path: zipped(path, {"readme.txt": b"hello"}),
    "a zip with a pickle only": lambda path: zipped(path, {"archive/data.pkl": pickle.dumps({"a": 1}, protocol=2)}),
    "a zip with a pickle that runs code": lambda path: repacked(path, replaced_pickle(TOUCH)),
    "a zip that leads elsewhere": lambda path: zipped(path, {f"../{CANARY}": b"x", f"/tmp/{CANARY}": b"x"}),
    "a zip of a pickle that is a link": symlinked,
    "compressed": lambda path: repacked(path, lambda content: None, zipfile.ZIP_DEFLATED),
    "a bomb": lambda path: repacked(
        path, lambda content: content.update({"archive/data/99": bytes(2**26)}), zipfile.ZIP_DEFLATED
    ),
    "a bomb of entries that overlap": overlapping,
    "two entries of one name": twice,
    "a tensor missing": lambda path: repacked(
        path, lambda content: content.pop(max(content, key=lambda n: len(content[n])))
    ),
    "a tensor cut": lambda path: repacked(
        path, lambda content: content.update({n: c[: len(c) // 2] for n, c in content.items() if "/data/" in n})
    ),
    "cut by half": lambda path: [save_checkpoint(whole_state(), path), os.truncate(path, path.stat().st_size // 2)],
    "cut by a byte": lambda path: [save_checkpoint(whole_state(), path), os.truncate(path, path.stat().st_size - 1)],
    "cut at its begin": lambda path: [
        save_checkpoint(whole_state(), path),
        path.write_bytes(path.read_bytes()[100:]),
    ],
    "a bit in the pickle": lambda path: flipped(path, 0.02),
    "a bit in the weights": lambda path: flipped(path, 0.5),
    "a bit in later weights": lambda path: flipped(path, 0.8),
}
