"""The training loop: ours to read, Lightning Fabric's for device, precision and processes."""

import math
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from multimodal.dataset.data import Data, Split
from multimodal.model import MultimodalModel
from multimodal.training.bar import Bar
from multimodal.training.batches import MASKS, Batches
from multimodal.training.checkpoint_file import load_checkpoint
from multimodal.training.checkpoint_manager import RunFiles
from multimodal.training.device import launch, make_fabric
from multimodal.training.imbalance import gradient_norms, shares, warn
from multimodal.training.interruption import Interrupted, Signals
from multimodal.training.means import Means
from multimodal.training.modality_dropout import ModalityDropout
from multimodal.training.objective import Exact, Objective
from multimodal.training.progress import Progress
from multimodal.training.schedule import warmup_cosine
from multimodal.types import Batch


class Trainer:
    """Fits a model to the training split and keeps the checkpoint with the lowest validation loss.

    Args:
        steps: optimizer steps, the budget.
        epochs: passes over the training split, which replace `steps` unless None.
        batch_size: samples a step, over all devices.
        learning_rate: peak of AdamW's, after warm-up.
        weight_decay: AdamW's, on matrices only.
        warmup: share of the steps in which the learning rate rises.
        clip: largest norm of the gradient.
        modality_dropout: who misses what in training.
        validations: how often the validation split is looked at in a full run.
        patience: validations without a lower loss after which training stops.
        accelerator, devices, precision: see `make_fabric`.
    """

    def __init__(
        self,
        steps: int,
        epochs: int | None,
        batch_size: int,
        learning_rate: float,
        weight_decay: float,
        warmup: float,
        clip: float,
        modality_dropout: ModalityDropout,
        validations: int,
        patience: int,
        accelerator: str,
        devices: int,
        precision: str,
    ) -> None:
        counts = {"steps": steps, "batch_size": batch_size, "validations": validations, "patience": patience}
        counts |= {} if epochs is None else {"epochs": epochs}
        for name, value in counts.items():
            if type(value) is not int or value < 1:
                raise ValueError(f"training.{name} must be a whole number above 0, got {value}")
        for name, value in {"learning_rate": learning_rate, "clip": clip}.items():
            if not isinstance(value, int | float) or not 0 < value < math.inf:
                raise ValueError(f"training.{name} must be a number above 0, got {value}")
        if not isinstance(weight_decay, int | float) or not 0 <= weight_decay < math.inf:
            raise ValueError(f"training.weight_decay must be a number of 0 or more, got {weight_decay}")
        if not isinstance(warmup, int | float) or not 0 <= warmup < 1:
            raise ValueError(f"training.warmup is a share of the steps, from 0 to below 1, got {warmup}")
        self.steps, self.epochs, self.batch_size = steps, epochs, batch_size
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.warmup, self.clip = warmup, clip
        self.modality_dropout = modality_dropout
        self.validations, self.patience = validations, patience
        self.fabric = make_fabric(accelerator, devices, precision)
        self.precision = self.fabric.strategy.precision.precision  # what `auto` came to

    def fit(
        self,
        model: MultimodalModel,
        loss: nn.Module,
        data: Data,
        folder: Path,
        seed: int,
        log: Callable[[dict[str, float]], None],
        extra: dict[str, Any],
        resume: bool = False,
    ) -> list[dict[str, float]]:
        """Trains; leaves `best.pt`, `last.pt` and `history.csv` in `folder`, and the best weights in `model`.

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
        files = RunFiles(folder, extra, self.identity(model, loss, data, seed))
        files.begin(resume)
        alone = self.fabric.world_size == 1
        shown = log if alone else ignore  # a tracker's connection does not survive into other processes
        history = launch(self.fabric, self.loop, Objective(model, loss), data, seed, shown, files)
        if not alone:
            for row in history:
                log(row)
        model.load_state_dict(load_checkpoint(files.best)["model"])
        warn(history[-1], data.splits["validation"].label, model.fusion.modalities)
        model.to(self.fabric.device)
        return history

    def identity(self, model: nn.Module, loss: nn.Module, data: Data, seed: int) -> dict[str, Any]:
        """What makes two calls of `fit` the same run, as far as the trainer knows."""
        settings = {name: value for name, value in vars(self).items() if name not in ("fabric", "modality_dropout")}
        settings |= {
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
        objective: Objective,
        data: Data,
        seed: int,
        log: Callable[[dict[str, float]], None],
        files: RunFiles,
    ) -> list[dict[str, float]]:
        """`fit` in one of `fabric`'s processes."""
        train = data.splits["train"]
        batches = Batches(train, data.augment, min(self.batch_size, len(train)), self.modality_dropout, seed, fabric)
        steps = self.steps if self.epochs is None else self.epochs * batches.per_epoch
        every = max(1, round(steps / self.validations))
        kept = files.read()  # before the processes meet in `setup`: none has written yet
        fused = self.precision != "16-mixed"  # a fused one unscales by itself, too late for the clipping
        optimizer = torch.optim.AdamW(decay_matrices(objective, self.weight_decay), self.learning_rate, fused=fused)
        schedule = warmup_cosine(optimizer, round(self.warmup * steps), steps)
        parts = {"model": objective.model, "loss": objective.loss, "schedule": schedule}
        objective, optimizer = fabric.setup(objective, optimizer)
        parts |= {"optimizer": optimizer, "precision": fabric.strategy.precision}
        progress = Progress(parts, fabric)
        if kept is not None:
            for row in kept["history"]:
                log(row)
            progress.load_state_dict(kept)
            if fabric.is_global_zero:
                files.follow(kept)
        bar = Bar(steps, progress.step, shown=fabric.is_global_zero)
        with closing(bar), Signals(active=fabric.world_size == 1) as signals:
            while progress.step < steps and progress.waited < self.patience and signals.received is None:
                progress.begin_step()
                batch = batches.at(progress.step, progress.step / steps)
                terms = self.take_step(fabric, objective, optimizer, batch)
                schedule.step()
                progress.add(terms, batches.size)
                bar.update(progress.means, batches.size)
                if progress.step % every == 0 or progress.step == steps:
                    row = {"step": progress.step, "epoch": progress.step / batches.per_epoch}
                    row |= progress.trained() | {"train/learning_rate": schedule.get_last_lr()[0]}
                    check_finite("training", row["train/loss"], progress.step)
                    validated = self.validate(objective, data.splits["validation"], fabric.device)
                    validated = fabric.broadcast(validated)  # so that all processes stop at the same time
                    check_finite("validation", validated["validation/loss"], progress.step)  # NaN is never the lowest
                    progress.record(row | validated)
                    log(progress.history[-1])
                    self.keep(progress, files)
            if signals.received is not None:
                self.keep(progress, files)
                raise Interrupted(progress.step, signals.received)
        return progress.history

    def keep(self, progress: Progress, files: RunFiles) -> None:
        """Every process tells its state, the first one writes."""
        state = progress.state_dict()
        if progress.fabric.is_global_zero:
            files.write(state)

    def take_step(self, fabric: Fabric, objective: nn.Module, optimizer: Optimizer, batch: Batch) -> dict[str, Tensor]:
        """One of the optimizer's, and what the loss was before it."""
        terms = objective(Exact(batch))
        fabric.backward(terms["loss"])
        if hasattr(objective.loss, "after_backward"):  # a loss that changes the encoders' gradients
            objective.loss.after_backward(objective.model.encoders)
        norm = fabric.clip_gradients(objective, optimizer, max_norm=self.clip, error_if_nonfinite=False)
        shortened = (norm / self.clip).clamp(min=1)  # measured after, for a loss scaler unscales before it clips
        norms = gradient_norms(objective.model.encoders.items())
        terms |= {name: (n * shortened).nan_to_num(0, 0, 0) for name, n in norms.items()}  # a skipped step has none
        optimizer.step()
        optimizer.zero_grad()
        return terms

    @torch.no_grad()
    def validate(self, objective: nn.Module, split: Split, device: torch.device) -> dict[str, float]:
        """Means over the split, its samples missing modalities at the trained rates, always the same ones."""
        objective.eval()
        means, masks = Means(), self.modality_dropout.draw(len(split), MASKS)
        for batch in split.batches(self.batch_size, device):
            rows = batch.index.cpu()
            present = {name: mask[rows].to(device) for name, mask in masks.items()}
            means.add(objective(Exact(batch.with_present(**present))), len(rows))
        found = means.means() | shares(objective.model, split, device)
        objective.train()
        return {f"validation/{name}": value for name, value in found.items()}


def decay_matrices(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: weight decay for matrices, none for biases, norms and the temperature."""
    trained = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


def check_finite(name: str, loss: float, step: int) -> None:
    """FloatingPointError if training diverged."""
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the {name} loss was {loss} before step {step}; "
            "lower training.learning_rate, or set training.precision=32-true"
        )


def ignore(row: dict[str, float]) -> None:
    """Logs nothing."""
