"""Checkpoint files: written completely or not at all, read as data.

Training writes files of `torch.save`. One to hand on is of safetensors: the weights, and in its metadata as JSON the
record, the vocabulary, the class names, and a hash of the weights.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from multimodal.errors import DAMAGE, first_line
from multimodal.io import whole
from multimodal.torch_file import read_torch_file

SAFETENSORS = ".safetensors"
WEIGHTS = f"model{SAFETENSORS}"  # of mode=export, a whole checkpoint
PARTS = ("record", "vocabulary", "class_names")  # beside the weights


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write a state of tensors, numbers, strings, lists and dicts; an interrupted write leaves the old file intact."""
    with whole(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, with its tensors on the CPU.

    Raises:
        ValueError: if the file cannot be read, is damaged, or is not a checkpoint of this version.
    """
    try:
        state = read_safetensors(path) if path.suffix == SAFETENSORS else read_torch_file(path, legacy=False)
    except ValueError as error:
        raise ValueError(f"{path} is not a readable checkpoint ({error})") from error
    if not isinstance(state, dict) or not {"model", "record", "vocabulary"} <= set(state):
        raise ValueError(f"{path} is not a checkpoint of this version: it has no model, record and vocabulary")
    return state


def save_safetensors(state: dict[str, Any], path: Path) -> None:
    """Write the weights under `model`, and what is beside them, as a file of safetensors.

    Raises:
        ValueError: a value beside the weights is not of JSON.
    """
    from safetensors.torch import save_file

    weights = {name: value.cpu().contiguous().clone() for name, value in state["model"].items()}
    facts = {part: json.dumps(state[part], allow_nan=False) for part in PARTS}
    with whole(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode
        save_file(weights, temporary, {"format": "pt", "sha256": weights_digest(weights)} | facts)
        temporary.chmod(mode)  # safetensors lets nobody but its owner read it


def read_safetensors(path: Path) -> dict[str, Any]:
    """Read what `save_safetensors` wrote.

    Raises:
        ValueError: the file cannot be read, is damaged, or has other parts; the message is the reason alone.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ValueError("it needs safetensors: pip install 'multimodal-suite[export]'") from error
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            facts = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
        parts = {part: json.loads(facts[part]) for part in PARTS if part in facts}
    except (*DAMAGE, SafetensorError) as error:
        raise ValueError(f"{type(error).__name__}: {first_line(error)}") from error
    if facts.get("sha256") != weights_digest(weights):
        raise ValueError("it was not written by mode=export, or is damaged: the hash of its weights is wrong")
    return {"model": weights} | parts


def weights_digest(weights: dict[str, Tensor]) -> str:
    """Return the SHA-256 of dense tensors on the CPU, with their names, in the order of these."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
