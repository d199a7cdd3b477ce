"""The state of a training: everything that its next step depends on."""

import time
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from multimodal.training.meter import MeanMeter
from multimodal.training.random_state import random_state, set_random_state
from multimodal.training.selection import since_best
from multimodal.training.training_step import TrainingStep


class TrainerState:
    """Holds weights, optimizer, schedule, step, history, running means and random states.

    Args:
        training_step: model and loss, before Fabric wraps them.
        optimizer: the optimizer of both, as Fabric wraps it.
        schedule: the schedule of its learning rate.
        fabric: the process group; each process has its own means and random state.
        select: by which quantity the best validation is chosen, a key of SELECTIONS.
        average: the average of the weights over the steps, if it is what is validated.
    """

    def __init__(
        self,
        training_step: TrainingStep,
        optimizer: Optimizer,
        schedule: LRScheduler,
        fabric: Fabric,
        select: str,
        average: AveragedModel | None,
    ) -> None:
        self.training_step, self.average = training_step, average
        self.model: nn.Module = training_step.model
        self.loss: nn.Module = training_step.loss
        self.optimizer, self.schedule, self.fabric, self.select = optimizer, schedule, fabric, select
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.means, self.since = MeanMeter(), time.perf_counter()

    @property
    def parts(self) -> dict[str, Any]:
        """Return {name: object}, each with a `state_dict` of its own."""
        parts = {"model": self.model, "loss": self.loss, "optimizer": self.optimizer, "schedule": self.schedule}
        parts |= {} if self.average is None else {"average": self.average}
        return parts | {"precision": self.fabric.strategy.precision}

    @property
    def validations_since_best(self) -> int:
        """Return the number of validations since the best one."""
        return since_best(self.history, self.select)

    def begin_step(self) -> None:
        """Start the clock of `training_row` at the first step after a validation."""
        if self.means.weight == 0:
            self.since = time.perf_counter()

    def end_step(self, terms: dict[str, Tensor], samples: int) -> None:
        """Advance the schedule and the average of the weights, and count a step with its loss terms."""
        self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.training_step)
        self.means.add(terms, samples)
        self.step += 1

    def training_row(self) -> dict[str, float]:
        """Summarise the training since the last validation.

        Returns:
            `train/<term>` means, `train/samples_per_s` and `train/learning_rate`.
        """
        row = {f"train/{name}": value for name, value in self.means.means().items()}
        row |= {"train/samples_per_s": self.means.weight / (time.perf_counter() - self.since)}
        return row | {"train/learning_rate": float(self.schedule.get_last_lr()[0])}

    def record(self, row: dict[str, float]) -> None:
        """Add the row of a validation to the history, and reset the means."""
        self.history.append(row)
        self.means = MeanMeter()

    def state_dict(self) -> dict[str, Any]:
        """Return everything, with tensors on their devices; every process has to call it.

        The sums are on the CPU: those of one GPU, read by another process, would take memory of that GPU for it.
        """
        sums = {name: value.cpu() for name, value in self.means.sums.items()}
        means = {"sums": sums, "weight": self.means.weight, "seconds": 0.0}
        if self.means.weight > 0:
            means["seconds"] = time.perf_counter() - self.since
        own = {"means": means, "random": random_state(self.fabric.device)}
        processes: list[Any] = [own]
        if self.fabric.world_size > 1:
            processes = [None] * self.fabric.world_size
            torch.distributed.all_gather_object(processes, own)
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        counts = {"optimizer": len(parts["optimizer"]["state"]), "history": len(self.history)}
        return parts | {"step": self.step, "history": self.history, "counts": counts, "processes": processes}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state exactly; it needs as many processes as the state was saved from.

        Raises:
            ValueError: the optimizer's state is not of these parameters.
        """
        check_moments(self.optimizer, state["optimizer"])
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.step, self.history = state["step"], list(state["history"])
        own = state["processes"][self.fabric.global_rank]
        means, device = own["means"], self.fabric.device
        self.means.sums = {name: value.to(device) for name, value in means["sums"].items()}
        self.means.weight = means["weight"]
        self.since = time.perf_counter() - means["seconds"]
        set_random_state(own["random"], device)


def check_moments(optimizer: Optimizer, saved: dict[str, Any]) -> None:
    """Raise ValueError unless a saved state fits the optimizer's parameters, which fused kernels do not check.

    Args:
        optimizer: of the parameters.
        saved: its `state_dict`, read from a file.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = [number for group in saved["param_groups"] for number in group["params"]]
    for number, parameter in zip(numbers, parameters, strict=True):
        for name, value in saved["state"].get(number, {}).items():
            if isinstance(value, Tensor) and value.ndim and value.shape != parameter.shape:
                shapes = f"{tuple(value.shape)}, its parameter {tuple(parameter.shape)}"
                raise ValueError(f"the optimizer's {name} of parameter {number} has the shape {shapes}")
            if isinstance(value, Tensor) and not value.isfinite().all():
                raise ValueError(f"the optimizer's {name} of parameter {number} is not finite")
