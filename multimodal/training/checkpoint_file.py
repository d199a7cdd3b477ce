"""Checkpoint files: written completely or not at all, read with `weights_only`."""

from pathlib import Path
from typing import Any

import torch

from multimodal.io import whole


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write a state of tensors, numbers, strings, lists and dicts; an interrupted write leaves the old file intact."""
    with whole(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, with its tensors on the CPU.

    Raises:
        ValueError: if the file cannot be read, or is not a checkpoint of this version.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign file's bytes, read as a pickle, raise nearly anything
        raise ValueError(f"{path} is not a readable checkpoint ({type(error).__name__})") from error
    if not isinstance(state, dict) or not {"model", "record", "vocabulary"} <= set(state):
        raise ValueError(f"{path} is not a checkpoint of this version: it has no model, record and vocabulary")
    return state
