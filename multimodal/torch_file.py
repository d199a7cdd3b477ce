"""Read files of `torch.save` that may be damaged or hostile: their checksums are compared, and no code in them runs."""

import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor


def read_torch_file(path: Path, *, legacy: bool) -> Any:
    """Read tensors, numbers, strings, lists and dicts, with the tensors on the CPU.

    Args:
        path: the file.
        legacy: whether a file without checksums is read, too, as PyTorch wrote it before version 1.6.

    Raises:
        ValueError: the file cannot be read, is damaged, or holds more than data; the message is the reason alone.
    """
    try:
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                check_archive(file)
            elif not legacy:
                raise zipfile.BadZipFile("it is not a whole file of torch.save")
            file.seek(0)
            return torch.load(file, map_location="cpu", weights_only=True)
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error
    except Exception as error:  # a foreign file's bytes, read as a pickle, raise nearly anything
        raise ValueError(type(error).__name__) from error


def check_archive(file: BinaryIO) -> None:
    """Raise BadZipFile for a wrong checksum, or an archive that would take more memory than it has bytes."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        size = file.seek(0, 2)
        stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
        if not stored or sum(entry.file_size for entry in entries) > size:
            raise zipfile.BadZipFile("it is compressed, which torch.save never does")
        if len({entry.filename for entry in entries}) < len(entries):
            raise zipfile.BadZipFile("it has two entries of one name")
        damaged = archive.testzip()  # torch.load does not compare checksums
    if damaged is not None:
        raise zipfile.BadZipFile(f"it is damaged: the checksum of {damaged} is wrong")


def weights_problem(weights: Any, expected: dict[str, Tensor]) -> str | None:
    """Return why weights are not those of a model, None if they are.

    Args:
        weights: what stands in a file for the state dict.
        expected: the state dict of the model as it was built. Infinities in it, such as a mask's, are no fault. Of a
            model on the meta device only the shapes are compared.
    """
    if not isinstance(weights, dict):
        return f"its weights are of type {type(weights).__name__}"
    lacking, unknown = [n for n in expected if n not in weights], [n for n in weights if n not in expected]
    if lacking or unknown:
        what = f"it lacks {lacking[0]!r}" if lacking else f"it has {unknown[0]!r:.100}, which this model has not"
        more = len(lacking) + len(unknown) - 1
        return what + (f", and {more} more differ" if more else "")
    for name, own in expected.items():
        value = weights[name]
        if not isinstance(value, Tensor) or value.layout is not torch.strided or value.device.type != "cpu":
            return f"{name} is no dense tensor"
        if value.shape != own.shape or value.dtype != own.dtype:
            return f"{name} is {kind(value)}, and the model's is {kind(own)}"
        if not own.is_meta and not (value.isfinite() | (value == own)).all():
            return f"{name} is not finite"
    return None


def kind(tensor: Tensor) -> str:
    """Return shape and type: `(2, 3) float32`."""
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
