"""The training loop: ours to read, Lightning Fabric's for device, precision and processes."""

import math
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from multimodal.checks import check_number, check_whole
from multimodal.dataset.data import Data, Split
from multimodal.model import MultimodalModel
from multimodal.training.bar import Bar
from multimodal.training.checkpoint_file import load_checkpoint
from multimodal.training.checkpoint_manager import CheckpointManager
from multimodal.training.device import launch, make_fabric
from multimodal.training.imbalance import gradient_norms, modality_contributions, warn
from multimodal.training.interruption import Interrupted, InterruptHandler
from multimodal.training.meter import MeanMeter
from multimodal.training.modality_dropout import ModalityDropout
from multimodal.training.optimization import build_optimizer, check_optimization, settings_of
from multimodal.training.sampler import MASKS, BatchSampler
from multimodal.training.state import TrainerState
from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import Batch

Log = Callable[[dict[str, float]], None]


class Trainer:
    """Fits a model to the training split and keeps the checkpoint with the lowest validation loss.

    Args:
        steps: optimizer steps, the budget.
        epochs: passes over the training split, which replace `steps` unless None.
        batch_size: samples a step, over all devices.
        optimizer: its class with its settings.
        scheduler: a function of optimizer and steps, with its settings.
        gradient_clip_norm: largest norm of the gradient.
        modality_dropout: who misses what in training.
        num_validations: how often the validation split is looked at in a full run.
        patience: validations without a lower loss after which training stops.
        accelerator, devices, precision: see `make_fabric`.
    """

    def __init__(
        self,
        steps: int,
        epochs: int | None,
        batch_size: int,
        optimizer: partial[Optimizer],
        scheduler: partial[LRScheduler],
        gradient_clip_norm: float,
        modality_dropout: ModalityDropout,
        num_validations: int,
        patience: int,
        accelerator: str,
        devices: int,
        precision: str,
    ) -> None:
        check_whole("training", steps=steps, batch_size=batch_size, num_validations=num_validations, patience=patience)
        check_whole("training", epochs=1 if epochs is None else epochs)
        check_number("training", above=0, gradient_clip_norm=gradient_clip_norm)
        check_optimization(optimizer, scheduler, steps)
        self.steps, self.epochs, self.batch_size = steps, epochs, batch_size
        self.optimizer, self.scheduler, self.gradient_clip_norm = optimizer, scheduler, gradient_clip_norm
        self.modality_dropout = modality_dropout
        self.num_validations, self.patience = num_validations, patience
        self.fabric = make_fabric(accelerator, devices, precision)
        self.precision = self.fabric.strategy.precision.precision  # what `auto` came to

    def fit(
        self,
        model: MultimodalModel,
        loss: nn.Module,
        data: Data,
        folder: Path,
        seed: int,
        log: Log,
        extra: dict[str, Any],
        resume: bool = False,
    ) -> list[dict[str, float]]:
        """Train; leave `best.pt`, `last.pt` and `history.csv` in `folder`, and the best weights in `model`.

        Args:
            model, loss: changed in place.
            data: has the splits `train` and `validation`.
            folder: exists.
            seed: of order and dropout.
            log: is given each row of the history, after a resumption also those from before.
            extra: kept in the checkpoints beside the weights.
            resume: whether to go on from the folder's `last.pt`, if it is of this very run.

        Returns:
            The history: a row of means for each validation.

        Raises:
            Interrupted: on SIGINT or SIGTERM, the step at hand being finished and kept. Several processes do not
                catch signals: they go on from their last validation.
        """
        size, processes = min(self.batch_size, len(data.splits["train"])), self.fabric.world_size
        if size < processes:
            raise ValueError(f"a batch of {size} cannot be shared by training.devices={processes}")
        checkpoints = CheckpointManager(folder, extra, self.identity(model, loss, data, seed))
        checkpoints.begin(resume)
        alone = processes == 1
        logged = log if alone else ignore  # a tracker's connection does not survive into other processes
        history = launch(self.fabric, self.loop, TrainingStep(model, loss), data, seed, logged, checkpoints)
        if not alone:
            for row in history:
                log(row)
        model.load_state_dict(load_checkpoint(checkpoints.best)["model"])
        warn(history[-1], data.splits["validation"].label, model.fusion.modalities)
        model.to(self.fabric.device)
        return history

    def identity(self, model: nn.Module, loss: nn.Module, data: Data, seed: int) -> dict[str, Any]:
        """Return what makes two calls of `fit` the same run, as far as the trainer knows."""
        others = ("fabric", "modality_dropout", "optimizer", "scheduler")
        settings = {name: value for name, value in vars(self).items() if name not in others}
        settings |= {
            "optimizer": settings_of(self.optimizer),
            "scheduler": settings_of(self.scheduler),
            "modality_dropout": [self.modality_dropout.rates, self.modality_dropout.ramp],
            "seed": seed,
            "data": data.fingerprint,
            "devices": self.fabric.world_size,
        }
        for name, module in {"model": model, "loss": loss}.items():
            settings[name] = {key: list(value.shape) for key, value in module.state_dict().items()}
        return settings

    def loop(
        self,
        fabric: Fabric,
        training_step: TrainingStep,
        data: Data,
        seed: int,
        log: Log,
        checkpoints: CheckpointManager,
    ) -> list[dict[str, float]]:
        """Run `fit` in one of `fabric`'s processes."""
        train, validation = data.splits["train"], data.splits["validation"]
        size = min(self.batch_size, len(train))
        batches = BatchSampler(train, data.augment, size, self.modality_dropout, seed, fabric)
        steps = self.steps if self.epochs is None else self.epochs * batches.per_epoch
        every = max(1, round(steps / self.num_validations))
        saved = checkpoints.read()  # before the processes meet in `setup`: none has written yet
        module, state = self.start(fabric, training_step, steps)
        if saved is not None:
            for row in saved["history"]:
                log(row)
            state.load_state_dict(saved)
            if fabric.is_global_zero:
                checkpoints.follow(saved)
        bar = Bar(steps, state.step, shown=fabric.is_global_zero)
        with closing(bar), InterruptHandler(active=fabric.world_size == 1) as interrupt:
            while state.step < steps and state.waited < self.patience and interrupt.received is None:
                state.begin_step()
                batch = batches.at(state.step, state.step / steps)
                terms = self.take_step(fabric, module, state.optimizer, batch)
                state.end_step(terms, batches.size)
                bar.update(state.means, batches.size)
                if state.step % every == 0 or state.step == steps:
                    state.record(self.row(module, state, batches.per_epoch, validation))
                    log(state.history[-1])
                    save(state, checkpoints)
            if interrupt.received is not None:
                save(state, checkpoints)
                raise Interrupted(state.step, interrupt.received)
        return state.history

    def start(self, fabric: Fabric, training_step: TrainingStep, steps: int) -> tuple[nn.Module, TrainerState]:
        """Return the module that Fabric wraps, and the state at the beginning of `steps`."""
        optimizer = build_optimizer(self.optimizer, training_step, unfused=self.precision == "16-mixed")
        schedule = self.scheduler(optimizer, steps)
        module, optimizer = fabric.setup(training_step, optimizer)
        return module, TrainerState(training_step, optimizer, schedule, fabric)

    def take_step(self, fabric: Fabric, module: nn.Module, optimizer: Optimizer, batch: Batch) -> dict[str, Tensor]:
        """Take one step of the optimizer; return the loss terms before it, and the encoders' gradient norms."""
        terms = module(ExactBatch(batch))
        fabric.backward(terms["loss"])
        module.loss.after_backward(module.model.encoders)
        norm = fabric.clip_gradients(module, optimizer, max_norm=self.gradient_clip_norm, error_if_nonfinite=False)
        shortened = (norm / self.gradient_clip_norm).clamp(
            min=1
        )  # measured after, for a loss scaler unscales before it clips
        norms = gradient_norms(module.model.encoders.items())
        terms |= {name: (n * shortened).nan_to_num(0, 0, 0) for name, n in norms.items()}  # a skipped step has none
        optimizer.step()
        optimizer.zero_grad()
        return terms

    def row(self, module: nn.Module, state: TrainerState, per_epoch: int, split: Split) -> dict[str, float]:
        """Validate; return the row of the history. Raises FloatingPointError where a loss is not finite."""
        row = {"step": state.step, "epoch": state.step / per_epoch} | state.trained()
        check_finite("training", row["train/loss"], state.step)
        validated = self.validate(module, split, state.fabric.device)
        validated = state.fabric.broadcast(validated)  # so that all processes stop at the same time
        check_finite("validation", validated["validation/loss"], state.step)  # NaN is never the lowest
        return row | validated

    @torch.no_grad()
    def validate(self, module: nn.Module, split: Split, device: torch.device) -> dict[str, float]:
        """Return means over the split, its samples missing modalities at the trained rates, always the same ones."""
        module.eval()
        means, masks = MeanMeter(), self.modality_dropout.draw(len(split), MASKS)
        for batch in split.batches(self.batch_size, device):
            rows = batch.index.cpu()
            present = {name: mask[rows].to(device) for name, mask in masks.items()}
            means.add(module(ExactBatch(batch.with_present(**present))), len(rows))
        found = means.means() | modality_contributions(module.model, split, device)
        module.train()
        return {f"validation/{name}": value for name, value in found.items()}


def save(state: TrainerState, checkpoints: CheckpointManager) -> None:
    """Gather the state of every process; the first one writes it."""
    values = state.state_dict()
    if state.fabric.is_global_zero:
        checkpoints.write(values)


def check_finite(name: str, loss: float, step: int) -> None:
    """Raise FloatingPointError if training diverged."""
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the {name} loss was {loss} before step {step}; lower optimizer.lr, or set training.precision=32-true"
        )


def ignore(row: dict[str, float]) -> None:
    """Log nothing."""
