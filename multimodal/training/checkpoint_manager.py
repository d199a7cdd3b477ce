"""What training leaves in its folder: `last.pt`, from which it can go on at any time, and what follows from it."""

import logging
from pathlib import Path
from typing import Any

from multimodal.io import remove_parts, write_csv
from multimodal.training.checkpoint_file import load_checkpoint, save_checkpoint
from multimodal.training.state import since_best

log = logging.getLogger(__name__)


class CheckpointManager:
    """`last.pt` is written first: if training is killed before `best.pt` and `history.csv` are, they are made from it.

    Args:
        folder: exists.
        extra: kept in the checkpoints beside the weights.
        identity: what makes two calls the same run, so that one may go on from where the other stopped.
    """

    def __init__(self, folder: Path, extra: dict[str, Any], identity: dict[str, Any]) -> None:
        self.folder, self.extra, self.identity = folder, extra, identity
        self.best, self.last, self.history = folder / "best.pt", folder / "last.pt", folder / "history.csv"

    def begin(self, resume: bool) -> None:
        """Leaves what this run can go on from, or an empty place."""
        remove_parts(self.folder)
        if not self.last.exists():
            reason = None
        elif not resume:
            reason = "it is to start anew"
        else:
            reason = self.why_not()
            if reason is None:
                return
            log.warning("training starts at the beginning and not from %s: %s", self.last, reason)
        for file in (self.last, self.best, self.history):  # `last` first: without it the others count for nothing
            file.unlink(missing_ok=True)

    def why_not(self) -> str | None:
        """What keeps this run from going on from `last.pt`."""
        try:
            state = load_checkpoint(self.last)
        except ValueError as error:
            return str(error)
        if state.get("identity") != self.identity:
            there = state.get("identity", {})
            names = sorted(name for name, value in self.identity.items() if there.get(name) != value)
            return f"it is of another run, by its {', '.join(names) or 'identity'}"
        if not state["history"] or is_best(state):
            return None
        best = state["history"][-1 - since_best(state["history"])]["step"]
        try:
            step = load_checkpoint(self.best)["step"]
        except (ValueError, KeyError):
            step = None
        return None if step == best else f"{self.best} is not that of step {best}"

    def read(self) -> dict[str, Any] | None:
        """The state to go on from."""
        return load_checkpoint(self.last) if self.last.exists() else None

    def write(self, state: dict[str, Any]) -> None:
        """Keeps the state of a `TrainerState`."""
        save_checkpoint(self.extra | {"identity": self.identity} | state, self.last)
        self.follow(state)

    def follow(self, state: dict[str, Any]) -> None:
        """`best.pt` and `history.csv` as they belong to `last.pt`."""
        if is_best(state):
            weights = {name: state[name] for name in ("model", "loss", "step")}
            save_checkpoint(self.extra | weights, self.best)
        write_csv(state["history"], self.history)


def is_best(state: dict[str, Any]) -> bool:
    """Whether these very weights were validated, and with the lowest loss."""
    history = state["history"]
    return bool(history) and history[-1]["step"] == state["step"] and since_best(history) == 0
