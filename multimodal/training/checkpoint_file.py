"""Checkpoint files: written completely or not at all, read as data."""

from pathlib import Path
from typing import Any

import torch

from multimodal.io import whole
from multimodal.torch_file import read_torch_file


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
        state = read_torch_file(path, legacy=False)
    except ValueError as error:
        raise ValueError(f"{path} is not a readable checkpoint ({error})") from error
    if not isinstance(state, dict) or not {"model", "record", "vocabulary"} <= set(state):
        raise ValueError(f"{path} is not a checkpoint of this version: it has no model, record and vocabulary")
    return state
