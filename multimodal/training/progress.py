"""How far training is: with the weights, all that its next step depends on."""

import time
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from multimodal.training.means import Means
from multimodal.training.random_state import random_state, set_random_state


class Progress:
    """Position, history, and the means since the last validation.

    Args:
        parts: {name: what has a `state_dict` of its own}: model, loss, optimizer, schedule, precision.
        fabric: one of whose processes this is; each has its own means and random state.
    """

    def __init__(self, parts: dict[str, Any], fabric: Fabric) -> None:
        self.parts, self.fabric = parts, fabric
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.means, self.since = Means(), time.perf_counter()

    @property
    def waited(self) -> int:
        """Validations since the lowest loss."""
        return since_best(self.history)

    def begin_step(self) -> None:
        """The clock of `trained` starts with the first step after a validation."""
        if self.means.weight == 0:
            self.since = time.perf_counter()

    def add(self, terms: dict[str, Tensor], samples: int) -> None:
        """A step was taken."""
        self.means.add(terms, samples)
        self.step += 1

    def trained(self) -> dict[str, float]:
        """Means and speed since the last validation."""
        row = {f"train/{name}": value for name, value in self.means.means().items()}
        return row | {"train/samples_per_s": self.means.weight / (time.perf_counter() - self.since)}

    def record(self, row: dict[str, float]) -> None:
        """A validation was made."""
        self.history.append(row)
        self.means = Means()

    def state_dict(self) -> dict[str, Any]:
        """On the devices; every process has to call it."""
        means = {"sums": self.means.sums, "weight": self.means.weight, "seconds": 0.0}
        if self.means.weight > 0:
            means["seconds"] = time.perf_counter() - self.since
        own = {"means": means, "random": random_state(self.fabric.device)}
        processes = [own]
        if self.fabric.world_size > 1:
            processes = [None] * self.fabric.world_size
            torch.distributed.all_gather_object(processes, own)
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        return parts | {"step": self.step, "history": self.history, "processes": processes}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from there to the bit, with as many processes as there were."""
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.step, self.history = state["step"], list(state["history"])
        own = state["processes"][self.fabric.global_rank]
        means, device = own["means"], self.fabric.device
        self.means.sums = {name: value.to(device) for name, value in means["sums"].items()}
        self.means.weight = means["weight"]
        self.since = time.perf_counter() - means["seconds"]
        set_random_state(own["random"], device)


def since_best(history: list[dict[str, float]]) -> int:
    """Rows after the first with the lowest validation loss."""
    losses = [row["validation/loss"] for row in history]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0
