"""Files that are no checkpoint, that are damaged, or that run code where they are unpickled."""

import io
import json
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from multimodal.training.checkpoint_file import save_checkpoint
from tests.helpers.hostile.whole import CANARY, whole_state


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
