"""The files of a training in the run's folder: `last.pt` to resume from, `best.pt` and `history.csv`."""

import logging
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from multimodal.io import remove_parts, write_csv
from multimodal.training.checkpoint_file import load_checkpoint, save_checkpoint
from multimodal.training.selection import SELECTIONS, best_row, since_best

log = logging.getLogger(__name__)


class CheckpointManager:
    """Writes and reads the files of a training.

    `last.pt` is written first: if training is killed before `best.pt` and `history.csv` are written, both are
    restored from it.

    Args:
        folder: an existing folder.
        extra: entries to save in the checkpoints beside the weights.
        identity: settings that must be equal for a training to resume from `last.pt`.
        select: by which quantity `best.pt` is chosen, a key of SELECTIONS.
    """

    def __init__(self, folder: Path, extra: dict[str, Any], identity: dict[str, Any], select: str) -> None:
        self.folder, self.extra, self.identity, self.select = folder, extra, identity, select
        self.best, self.last, self.history = folder / "best.pt", folder / "last.pt", folder / "history.csv"

    def begin(self, resume: bool) -> None:
        """Keep the files if this run can resume from them, else delete them."""
        remove_parts(self.folder)
        if not self.last.exists():
            reason = None
        elif not resume:
            reason = "resuming is switched off"
        else:
            reason = self.obstacle_to_resuming()
            if reason is None:
                return
            log.warning("training starts from the beginning instead of resuming from %s: %s", self.last, reason)
        for file in (self.last, self.best, self.history):  # `last` first: without it the others are not used
            if file.is_dir():
                raise ValueError(f"{file} is a folder, where training writes a file: move it away")
            file.unlink(missing_ok=True)

    def obstacle_to_resuming(self) -> str | None:
        """Return why this run cannot resume from `last.pt`, or None if it can."""
        try:
            state = load_checkpoint(self.last)
        except ValueError as error:
            return str(error)
        if state.get("identity") != self.identity:
            saved = state["identity"] if isinstance(state.get("identity"), dict) else {}
            names = sorted(name for name, value in self.identity.items() if saved.get(name) != value)
            return f"it belongs to another run, which differs in {', '.join(names) or 'identity'}"
        problem = state_problem(state, self.identity, SELECTIONS[self.select].column)
        if problem is not None or not state["history"] or is_best(state, self.select):
            return problem
        best = best_row(state["history"], self.select)["step"]
        try:
            if load_checkpoint(self.best).get("step") == best:
                return None
            reason = ""
        except ValueError as error:
            reason = f": {error}"
        return f"{self.best} is not the checkpoint of step {best}{reason}"

    def read(self) -> dict[str, Any] | None:
        """Return the state to resume from, or None if there is none."""
        return load_checkpoint(self.last) if self.last.exists() else None

    def write(self, state: dict[str, Any]) -> None:
        """Write the state of a `TrainerState` to `last.pt`, then update `best.pt` and `history.csv`."""
        save_checkpoint(self.extra | {"identity": self.identity} | state, self.last)
        self.update_best_and_history(state)

    def update_best_and_history(self, state: dict[str, Any]) -> None:
        """Write `best.pt`, if this state is the best one, and `history.csv`."""
        if is_best(state, self.select):
            save_checkpoint(self.extra | validated_weights(state) | {"step": state["step"]}, self.best)
        write_csv(state["history"], self.history)


def validated_weights(state: dict[str, Any]) -> dict[str, dict[str, Tensor]]:
    """Return the weights of model and loss that were validated: their averages, if the training has them.

    Those of bf16-true are float32 here, because evaluations compute in it.
    """
    parts = {"model": "module.model.", "loss": "module.loss."}  # in the state of an AveragedModel
    if "average" not in state:
        return {part: {name: in_float32(value) for name, value in state[part].items()} for part in parts}
    return {
        part: {name.removeprefix(prefix): value for name, value in state["average"].items() if name.startswith(prefix)}
        for part, prefix in parts.items()
    }


def in_float32(value: Tensor) -> Tensor:
    """Return a tensor of bf16 in float32, which has every value of it, and others as they are."""
    return value.float() if value.dtype is torch.bfloat16 else value


def state_problem(state: dict[str, Any], identity: dict[str, Any], column: str) -> str | None:
    """Return why a training cannot go on from a state in a file, None if nothing speaks against it.

    Args:
        state: what `TrainerState.state_dict` returned, if nobody changed it.
        identity: {"model", "loss"}: the shapes of their weights, by name.
        column: of the history, by which the best checkpoint is chosen.
    """
    parts = {"optimizer": dict, "schedule": dict, "precision": dict, "step": int, "history": list, "processes": list}
    parts |= {"counts": dict}
    for name, kind in parts.items():
        if not isinstance(state.get(name), kind):
            return f"it has no {name}"
    if state["schedule"].get("last_epoch") != state["step"]:
        return f"its step is {state['step']}, but its schedule is at {state['schedule'].get('last_epoch')}"
    for row in state["history"]:
        if not isinstance(row, dict) or not {"step", "validation/loss", column} <= set(row):
            return "its history has rows without a validation"
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in row.values()):
            return "its history has a value that is no finite number"
    for name, entries in {"optimizer": state["optimizer"].get("state"), "history": state["history"]}.items():
        if not isinstance(entries, dict | list) or len(entries) != state["counts"].get(name):
            return f"its {name} does not have the {state['counts'].get(name)} entries that were saved"
    for part in ("model", "loss"):
        weights = state.get(part)
        shapes = {n: list(getattr(v, "shape", ())) for n, v in weights.items()} if isinstance(weights, dict) else None
        if shapes != identity.get(part, shapes):
            return f"its {part} has other weights"
        if any(isinstance(value, Tensor) and value.isnan().any() for value in (weights or {}).values()):
            return f"its {part} has weights that are NaN"
    return None


def is_best(state: dict[str, Any], select: str) -> bool:
    """Return whether the weights of this state were validated and are the best by this quantity."""
    history = state["history"]
    return bool(history) and history[-1]["step"] == state["step"] and since_best(history, select) == 0
