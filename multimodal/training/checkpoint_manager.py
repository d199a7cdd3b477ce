"""The files of a training in the run's folder: `last.pt` to resume from, `best.pt` and `history.csv`."""

import logging
from pathlib import Path
from typing import Any

from multimodal.io import remove_parts, write_csv
from multimodal.training.checkpoint_file import load_checkpoint, save_checkpoint
from multimodal.training.state import since_best

log = logging.getLogger(__name__)


class CheckpointManager:
    """Writes and reads the files of a training.

    `last.pt` is written first: if training is killed before `best.pt` and `history.csv` are written, both are
    restored from it.

    Args:
        folder: an existing folder.
        extra: entries to save in the checkpoints beside the weights.
        identity: settings that must be equal for a training to resume from `last.pt`.
    """

    def __init__(self, folder: Path, extra: dict[str, Any], identity: dict[str, Any]) -> None:
        self.folder, self.extra, self.identity = folder, extra, identity
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
            file.unlink(missing_ok=True)

    def obstacle_to_resuming(self) -> str | None:
        """Return why this run cannot resume from `last.pt`, or None if it can."""
        try:
            state = load_checkpoint(self.last)
        except ValueError as error:
            return str(error)
        if state.get("identity") != self.identity:
            saved = state.get("identity", {})
            names = sorted(name for name, value in self.identity.items() if saved.get(name) != value)
            return f"it belongs to another run, which differs in {', '.join(names) or 'identity'}"
        if not state["history"] or is_best(state):
            return None
        best = state["history"][-1 - since_best(state["history"])]["step"]
        try:
            step = load_checkpoint(self.best)["step"]
        except (ValueError, KeyError):
            step = None
        return None if step == best else f"{self.best} is not the checkpoint of step {best}"

    def read(self) -> dict[str, Any] | None:
        """Return the state to resume from, or None if there is none."""
        return load_checkpoint(self.last) if self.last.exists() else None

    def write(self, state: dict[str, Any]) -> None:
        """Write the state of a `TrainerState` to `last.pt`, then update `best.pt` and `history.csv`."""
        save_checkpoint(self.extra | {"identity": self.identity} | state, self.last)
        self.update_best_and_history(state)

    def update_best_and_history(self, state: dict[str, Any]) -> None:
        """Write `best.pt`, if this state is the best one, and `history.csv`."""
        if is_best(state):
            weights = {name: state[name] for name in ("model", "loss", "step")}
            save_checkpoint(self.extra | weights, self.best)
        write_csv(state["history"], self.history)


def is_best(state: dict[str, Any]) -> bool:
    """Return whether the weights of this state were validated and have the lowest validation loss."""
    history = state["history"]
    return bool(history) and history[-1]["step"] == state["step"] and since_best(history) == 0
