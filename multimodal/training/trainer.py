"""The training loop: ours to read, Lightning Fabric's for device, precision and processes."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from tqdm import tqdm

from multimodal.dataset.data import Data, Split
from multimodal.model import MultimodalModel
from multimodal.training.checkpoint import load_checkpoint, save_checkpoint
from multimodal.training.device import make_fabric
from multimodal.training.history import Means, write_csv
from multimodal.training.modality_dropout import ModalityDropout, generator
from multimodal.training.schedule import warmup_cosine
from multimodal.types import Batch

ORDER, MASKS = 0, 1  # what a random generator is for, so that no two streams are alike
BAR_SECONDS = 1.0  # between two looks at the device


class Exact:
    """Carries a batch past Lightning Fabric, which would round its pixels to bf16, and with them the targets."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch


class Objective(nn.Module):
    """Model and loss as one module, so that precision and processes are handled in one place."""

    def __init__(self, model: MultimodalModel, loss: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, exact: Exact) -> dict[str, Tensor]:
        """{term: scalar}, "loss" and "accuracy"; the loss is computed in float32 whatever the model's precision."""
        batch = exact.batch
        output = self.model(batch)
        with torch.autocast(batch.image.device.type, enabled=False):
            terms = self.loss(output.float(), batch)
        return terms | {"accuracy": (output.label.argmax(-1) == batch.label).float().mean()}


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
        positive = {"steps": steps, "batch_size": batch_size, "learning_rate": learning_rate, "clip": clip}
        positive |= {"validations": validations, "patience": patience}
        positive |= {} if epochs is None else {"epochs": epochs}
        for name, value in positive.items():
            if not isinstance(value, int | float) or value <= 0:
                raise ValueError(f"training.{name} must be a number above 0, got {value}")
        if weight_decay < 0:
            raise ValueError(f"training.weight_decay must be 0 or more, got {weight_decay}")
        if not 0 <= warmup < 1:
            raise ValueError(f"training.warmup is a share of the steps, from 0 to below 1, got {warmup}")
        self.steps, self.epochs, self.batch_size = steps, epochs, batch_size
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.warmup, self.clip = warmup, clip
        self.modality_dropout = modality_dropout
        self.validations, self.patience = validations, patience
        self.fabric = make_fabric(accelerator, devices, precision)

    def fit(
        self,
        model: MultimodalModel,
        loss: nn.Module,
        data: Data,
        folder: Path,
        seed: int,
        log: Callable[[dict[str, float]], None],
        extra: dict[str, Any],
    ) -> list[dict[str, float]]:
        """Trains; leaves `best.pt`, `last.pt` and `history.csv` in `folder`, and the best weights in `model`.

        Args:
            model, loss: changed in place.
            data: has the splits `train` and `validation`.
            folder: exists.
            seed: of order and dropout.
            log: is given each row of the history.
            extra: kept in the checkpoints beside the weights.

        Returns:
            The history: a row of means for each validation.
        """
        alone = self.fabric.world_size == 1
        shown = log if alone else ignore  # a tracker's connection does not survive into other processes
        history = self.fabric.launch(self.loop, model, loss, data, folder, seed, shown, extra)
        if not alone:
            for row in history:
                log(row)
        model.load_state_dict(load_checkpoint(folder / "best.pt")["model"])
        model.to(self.fabric.device)
        return history

    def loop(
        self,
        fabric: Fabric,
        model: MultimodalModel,
        loss: nn.Module,
        data: Data,
        folder: Path,
        seed: int,
        log: Callable[[dict[str, float]], None],
        extra: dict[str, Any],
    ) -> list[dict[str, float]]:
        """`fit` in one of `fabric`'s processes."""
        train = data.splits["train"]
        batches = Batches(train, min(self.batch_size, len(train)), self.modality_dropout, seed, fabric)
        steps = self.steps if self.epochs is None else self.epochs * batches.per_epoch
        every = max(1, round(steps / self.validations))
        objective = Objective(model, loss)
        optimizer = torch.optim.AdamW(decay_matrices(objective, self.weight_decay), self.learning_rate, fused=True)
        schedule = warmup_cosine(optimizer, round(self.warmup * steps), steps)
        objective, optimizer = fabric.setup(objective, optimizer)
        bar = Bar(steps, shown=fabric.is_global_zero)
        history, best, waited, means, since = [], float("inf"), 0, Means(), time.perf_counter()
        for step in range(1, steps + 1):
            batch = batches.at(step - 1)
            terms = objective(Exact(batch))
            fabric.backward(terms["loss"])
            fabric.clip_gradients(objective, optimizer, max_norm=self.clip, error_if_nonfinite=False)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            means.add(terms, len(batch.label))
            bar.update(means, batches.size)
            if step % every and step != steps:
                continue
            row = {"step": step, "epoch": step / batches.per_epoch}
            row |= {f"train/{name}": value for name, value in means.means().items()}
            row["train/samples_per_s"] = means.weight * fabric.world_size / (time.perf_counter() - since)
            row["train/learning_rate"] = schedule.get_last_lr()[0]
            check_finite("training", row["train/loss"], step)
            validated = self.validate(objective, data.splits["validation"], fabric.device)
            check_finite("validation", validated["loss"], step)  # NaN is never the lowest: no best.pt
            row |= {f"validation/{name}": value for name, value in validated.items()}
            history.append(row)
            log(row)
            waited = 0 if validated["loss"] < best else waited + 1
            best = min(best, validated["loss"])
            if fabric.is_global_zero:
                state = extra | {"model": model.state_dict(), "loss": loss.state_dict(), "step": step}
                if waited == 0:
                    save_checkpoint(state, folder / "best.pt")
                resume = {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
                save_checkpoint(state | resume | {"history": history}, folder / "last.pt")
                write_csv(history, folder / "history.csv")
            if waited >= self.patience:
                break
            means, since = Means(), time.perf_counter()
        bar.close()
        return history

    @torch.no_grad()
    def validate(self, objective: nn.Module, split: Split, device: torch.device) -> dict[str, float]:
        """Means over the split, its samples missing modalities at the trained rates, always the same ones."""
        objective.eval()
        means, masks = Means(), self.modality_dropout.draw(len(split), MASKS)
        for batch in split.batches(self.batch_size, device):
            rows = batch.index.cpu()
            present = {name: mask[rows].to(device) for name, mask in masks.items()}
            means.add(objective(Exact(batch.with_present(**present))), len(rows))
        objective.train()
        return means.means()


class Batches:
    """Shuffled training batches: batch i depends on the seed and on i alone.

    Args:
        split: to draw from.
        size: samples a batch, over all processes.
        modality_dropout: who misses what.
        seed: of order and masks.
        fabric: which process takes which part of a batch.
    """

    def __init__(self, split: Split, size: int, modality_dropout: ModalityDropout, seed: int, fabric: Fabric) -> None:
        self.split, self.size, self.modality_dropout, self.seed = split, size, modality_dropout, seed
        self.device = fabric.device
        self.part = slice(fabric.global_rank, None, fabric.world_size)
        self.per_epoch = len(split) // size  # the last, smaller batch of an epoch is left out
        self.epoch, self.order = None, None

    def at(self, step: int) -> Batch:
        """Batch number `step`, counted over all epochs, this process's part of it."""
        epoch, i = divmod(step, self.per_epoch)
        if epoch != self.epoch:
            shuffled = torch.randperm(len(self.split), generator=generator(self.seed, ORDER, epoch))
            self.epoch, self.order = epoch, shuffled
        rows = self.order[i * self.size : (i + 1) * self.size][self.part]
        present = self.modality_dropout.draw(self.size, self.seed, MASKS, step)
        batch = self.split.batch(rows, self.device)
        return batch.with_present(**{m: mask[self.part].to(self.device) for m, mask in present.items()})


class Bar:
    """A progress bar that looks at the device once a second."""

    def __init__(self, steps: int, shown: bool) -> None:
        self.bar = tqdm(total=steps, desc="training", unit="step", disable=not shown, mininterval=BAR_SECONDS)
        self.looked = time.perf_counter()

    def update(self, means: Means, batch_size: int) -> None:
        """One step further."""
        self.bar.update()
        now = time.perf_counter()
        if now - self.looked >= BAR_SECONDS and not self.bar.disable:
            self.looked = now
            shown = means.means()
            rate = self.bar.format_dict["rate"] or 0.0
            self.bar.set_postfix_str(
                f"loss {shown['loss']:.3f}, accuracy {shown['accuracy']:.3f}, {rate * batch_size:.0f} samples/s"
            )

    def close(self) -> None:
        """Leaves the last state on the screen."""
        self.bar.close()


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
