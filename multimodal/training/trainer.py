"""The training loop; Lightning Fabric handles device, precision and processes."""

import math
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from multimodal.checks import check_flag, check_number, check_one_of, check_whole
from multimodal.dataset.data import Data
from multimodal.model import MultimodalModel
from multimodal.training.accumulation import backward_in_parts
from multimodal.training.bar import Bar
from multimodal.training.checkpoint_file import load_checkpoint
from multimodal.training.checkpoint_manager import CheckpointManager
from multimodal.training.compilation import CompiledTrainingStep, check_compiler
from multimodal.training.device import make_fabric
from multimodal.training.imbalance import gradient_norms, modality_contributions, warn_unlearned
from multimodal.training.interruption import Interrupted, InterruptHandler, SharedInterruptHandler
from multimodal.training.meter import MeanMeter
from multimodal.training.modality_dropout import ModalityDropout
from multimodal.training.optimization import build_optimizer, check_optimization, settings_of
from multimodal.training.prefetch import prefetch
from multimodal.training.processes import agreed_signal, launch
from multimodal.training.sampler import MASKS, BatchSampler
from multimodal.training.selection import SELECTIONS, best_row
from multimodal.training.state import TrainerState
from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import Batch

Log = Callable[[dict[str, float]], None]
AfterStep = Callable[[int, dict[str, Tensor]], None]


def ignore(*_: Any) -> None:
    """Log nothing."""


class Trainer:
    """Fits a model to the training split and saves the checkpoint that is best on the validation split.

    Args:
        steps: number of optimizer steps.
        epochs: passes over the training split; replaces `steps` unless None.
        batch_size: samples per step, over all devices.
        accumulation: parts that each device computes its samples of a step in, one after another.
        optimizer: optimizer class with its settings.
        scheduler: function of optimizer and steps, with its settings.
        gradient_clip_norm: largest norm of the gradient; longer ones are scaled down to it.
        ema_decay: decay of an exponential moving average of the weights, which is then validated and kept as the best;
            None: the weights themselves.
        modality_dropout: draws which modalities each training sample misses.
        num_validations: number of validations in a run of all steps.
        select: by which quantity the best checkpoint is chosen: `loss` (the lowest sum of all terms) or `accuracy` (the
            highest with both modalities); of equal ones the earliest.
        patience: validations without a better value of that quantity after which training stops.
        accelerator: see `make_fabric`.
        devices: see `make_fabric`.
        num_nodes: see `make_fabric`.
        strategy: see `make_fabric`.
        precision: see `make_fabric`.
        compile: whether torch.compile makes one graph of model and loss; it encodes absent inputs too, as blanks.
    """

    def __init__(
        self,
        steps: int,
        epochs: int | None,
        batch_size: int,
        accumulation: int,
        optimizer: partial[Optimizer],
        scheduler: partial[LRScheduler],
        gradient_clip_norm: float,
        ema_decay: float | None,
        modality_dropout: ModalityDropout,
        num_validations: int,
        select: str,
        patience: int,
        accelerator: str,
        devices: int,
        num_nodes: int,
        strategy: str,
        precision: str | int,
        compile: bool,
    ) -> None:
        check_whole("training", steps=steps, batch_size=batch_size, num_validations=num_validations, patience=patience)
        check_whole("training", accumulation=accumulation, epochs=1 if epochs is None else epochs)
        check_number("training", above=0, gradient_clip_norm=gradient_clip_norm)
        if ema_decay is not None:
            check_number("training", above=0, below=1, ema_decay=ema_decay)
        check_one_of("training", SELECTIONS, select=select)
        check_flag("training", compile=compile)
        check_whole("training", devices=devices, num_nodes=num_nodes)
        if compile and devices * num_nodes > 1:  # what the losses gather from other processes breaks the graph
            raise ValueError(
                f"training.compile=true needs one process, got training.devices={devices} on "
                f"training.num_nodes={num_nodes}; set compile=false, or both to 1"
            )
        if compile and accumulation > 1:
            raise ValueError(
                f"training.compile=true needs training.accumulation=1, got {accumulation}; set one of the two"
            )
        if ema_decay is not None and precision == "bf16-true":
            raise ValueError(
                f"training.precision=bf16-true needs training.ema_decay=null, got {ema_decay}: bf16 rounds away what a "
                "step adds to an average; set one of the two"
            )
        check_optimization(optimizer, scheduler, steps)
        self.accumulation, self.ema_decay = accumulation, ema_decay
        self.steps, self.epochs, self.batch_size = steps, epochs, batch_size
        self.optimizer, self.scheduler, self.gradient_clip_norm = optimizer, scheduler, gradient_clip_norm
        self.modality_dropout = modality_dropout
        self.num_validations, self.select, self.patience = num_validations, select, patience
        self.fabric = make_fabric(accelerator, devices, precision, num_nodes, strategy)
        self.precision = self.fabric.strategy.precision.precision  # `auto` resolved
        self.compile = compile

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
        after_step: AfterStep = ignore,
    ) -> list[dict[str, float]]:
        """Train; leave `best.pt`, `last.pt` and `history.csv` in `folder`, and the best weights in `model`.

        Where torchrun started several processes, each calls this with the same arguments; the first one alone writes
        files, logs, and gets the best weights.

        Args:
            model: trained in place.
            loss: trained in place, as far as it has parameters.
            data: its splits `train` and `validation` are used.
            folder: an existing folder.
            seed: seed of sample order, augmentation and modality dropout.
            log: called with each row of the history; after resuming, also with the earlier rows.
            extra: entries to save in the checkpoints beside the weights.
            resume: whether to resume from the folder's `last.pt`, if it belongs to the same run.
            after_step: called with the number of steps and the last one's loss terms, on their device; with several
                processes never.

        Returns:
            The history: a row of means for each validation.

        Raises:
            Interrupted: on SIGINT or SIGTERM, after the current step was finished and saved; of several processes
                after the next multiple of ten steps, at which they agree to stop.
            FloatingPointError: if the training or validation loss is not finite.
            ValueError: if a batch has fewer samples than there are devices or parts, or a C++ compiler is needed and
                missing.
        """
        size, processes = min(self.batch_size, len(data.splits["train"])), self.fabric.world_size
        if size < processes:
            raise ValueError(f"a batch of {size} samples cannot be split over training.devices={processes}")
        if size // processes < self.accumulation:
            raise ValueError(
                f"training.accumulation={self.accumulation} parts need as many samples, but a batch has "
                f"{size // processes} on each device; give fewer parts or a larger training.batch_size"
            )
        checkpoints = CheckpointManager(folder, extra, self.identity(model, loss, data, seed), self.select)
        first = self.fabric.is_global_zero
        if first:
            checkpoints.begin(resume)
        single = processes == 1
        # a tracker's connection does not survive into other processes
        watch = (log, after_step) if single else (ignore, ignore)
        training_step = self.training_step(model, loss, data)
        history = launch(self.fabric, self.loop, training_step, data, seed, watch, checkpoints)
        if not first:
            return history
        if not single:
            for row in history:
                log(row)
        model.float().load_state_dict(load_checkpoint(checkpoints.best)["model"])
        fusion: Any = model.fusion
        best, label = best_row(history, self.select), data.splits["validation"].label
        warn_unlearned(best, label, data.splits["train"].label, fusion.modalities)
        model.to(self.fabric.device)
        return history

    def training_step(self, model: MultimodalModel, loss: nn.Module, data: Data) -> TrainingStep:
        """Join model and loss; raise ValueError if they are to be compiled and cannot be."""
        if not self.compile:
            return TrainingStep(model, loss)
        check_compiler(self.fabric.device.type)
        return CompiledTrainingStep(model, loss, max(split.tokens.shape[1] for split in data.splits.values()))

    def identity(self, model: nn.Module, loss: nn.Module, data: Data, seed: int) -> dict[str, Any]:
        """Return the settings that must be equal for one call of `fit` to resume another."""
        excluded = ("fabric", "modality_dropout", "optimizer", "scheduler")
        settings = {name: value for name, value in vars(self).items() if name not in excluded}
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
        watch: tuple[Log, AfterStep],
        checkpoints: CheckpointManager,
    ) -> list[dict[str, float]]:
        """Train in one of Fabric's processes and return the history."""
        log, after_step = watch
        train = data.splits["train"]
        size = min(self.batch_size, len(train))
        sampler = BatchSampler(train, data.augment, size, self.modality_dropout, seed, fabric)
        steps = self.steps if self.epochs is None else self.epochs * sampler.per_epoch
        every = max(1, round(steps / self.num_validations))
        saved = checkpoints.read()  # before the processes meet in `setup`: none has written yet
        module, validated, state = self.start(fabric, training_step, steps)
        if saved is not None:
            for row in saved["history"]:
                log(row)
            try:
                state.load_state_dict(saved)
            except (LookupError, TypeError, AttributeError, RuntimeError, ValueError) as error:
                raise ValueError(
                    f"{checkpoints.last} cannot be resumed from ({type(error).__name__}: {error}); "
                    "resume=false trains anew"
                ) from error
            if fabric.is_global_zero:
                checkpoints.update_best_and_history(saved)
        bar = Bar(steps, state.step, fabric.is_global_zero, SELECTIONS[self.select])
        batches = self.batches(lambda step: sampler.at(step, step / steps), range(state.step, steps))
        handler, stopped = (InterruptHandler if fabric.world_size == 1 else SharedInterruptHandler), None
        with closing(bar), closing(batches), handler() as interrupt:
            while state.step < steps and state.validations_since_best < self.patience and stopped is None:
                state.begin_step()
                terms = self.take_step(fabric, module, state.optimizer, next(batches))
                state.end_step(terms, size)
                bar.update(state.means, size)
                after_step(state.step, terms)
                if state.step % every == 0 or state.step == steps:
                    state.record(self.validation_row(validated, state, sampler.per_epoch, data))
                    log(state.history[-1])
                    bar.validated(state.history[-1], best_row(state.history, self.select))
                    save(state, checkpoints)
                stopped = agreed_signal(fabric, interrupt.received, state.step)
            if stopped is not None:
                save(state, checkpoints)
                raise Interrupted(state.step, stopped)
        return state.history

    def batches(self, load: Callable[[int], Batch], steps: range) -> Generator[Batch, None, None]:
        """Load the batch of each step: ahead, by a thread, unless the steps themselves are computed on the CPU.

        There the thread would wait for the same cores; on two of them it cost a quarter of the speed.
        """
        return (load(step) for step in steps) if self.fabric.device.type == "cpu" else prefetch(load, steps)

    def start(
        self, fabric: Fabric, training_step: TrainingStep, steps: int
    ) -> tuple[nn.Module, nn.Module, TrainerState]:
        """Set up optimizer, schedule and average.

        Returns:
            The module that Fabric wraps, that which is validated, and the state before the first step.
        """
        optimizer = build_optimizer(self.optimizer, training_step, unfused=self.precision == "16-mixed")
        schedule = self.scheduler(optimizer, steps)
        module, optimizer = fabric.setup(training_step, optimizer)
        average, validated = None, module
        if self.ema_decay is not None:
            average = AveragedModel(training_step, multi_avg_fn=get_ema_multi_avg_fn(self.ema_decay))
            validated = fabric.setup_module(average.module)
        return module, validated, TrainerState(training_step, optimizer, schedule, fabric, self.select, average)

    def take_step(self, fabric: Fabric, module: Any, optimizer: Optimizer, batch: Batch) -> dict[str, Tensor]:
        """Take one optimizer step.

        Args:
            fabric: scales the loss, if the precision needs it, and clips the gradient.
            module: the `TrainingStep` that Fabric wraps.
            optimizer: the optimizer that Fabric wraps.
            batch: this process's part of the batch.

        Returns:
            The loss terms before the step, and the encoders' gradient norms before clipping.
        """
        terms = backward_in_parts(fabric, module, batch, self.accumulation)
        module.loss.after_backward(module.model.encoders)
        clip_norm = self.gradient_clip_norm
        norm = cast(Tensor, fabric.clip_gradients(module, optimizer, max_norm=clip_norm, error_if_nonfinite=False))
        reduction = (norm / clip_norm).clamp(min=1)  # the factor by which clipping shortened the gradient
        norms = gradient_norms(module.model.encoders.items())  # only now: a loss scaler unscales when it clips
        terms |= {name: (n * reduction).nan_to_num(0, 0, 0) for name, n in norms.items()}  # 0 for a skipped step
        optimizer.step()
        optimizer.zero_grad()
        return terms

    def validation_row(self, module: nn.Module, state: TrainerState, per_epoch: int, data: Data) -> dict[str, float]:
        """Validate and return the row of the history.

        Raises:
            FloatingPointError: if a loss is not finite.
        """
        row = {"step": state.step, "epoch": state.step / per_epoch} | state.training_row()
        check_finite("training", row["train/loss"], state.step)
        validated = self.validate(module, data, state.fabric.device)
        validated = state.fabric.broadcast(validated)  # so that all processes stop at the same time
        check_finite("validation", validated["validation/loss"], state.step)  # NaN is never the lowest
        return row | validated

    @torch.no_grad()
    def validate(self, module: Any, data: Data, device: torch.device) -> dict[str, float]:
        """Compute the means of loss terms and accuracy over the validation split.

        Its samples miss modalities at the rates of training; the masks are the same each time.

        Returns:
            `validation/<term>`, and `validation/imbalance/<name>` of `modality_contributions`; also
            `validation/accuracy_both`, with both modalities of all samples, if the best checkpoint is chosen by it.
        """
        module.eval()
        split = data.splits["validation"]
        means, masks = MeanMeter(), self.modality_dropout.draw(len(split), MASKS)
        for batch in split.batches(self.batch_size, device):
            rows = batch.index.cpu()
            present = {name: mask[rows] for name, mask in masks.items()}
            terms = module(ExactBatch(batch.with_present(**present)))
            if SELECTIONS[self.select].complete:
                terms |= {"accuracy_both": accuracy(module.model, batch)}
            means.add(terms, len(rows))
        scores = means.means() | modality_contributions(module.model, split, data.splits["train"].label, device)
        module.train()
        return {f"validation/{name}": value for name, value in scores.items()}


def accuracy(model: MultimodalModel, batch: Batch) -> Tensor:
    """Compute the share of samples whose class is predicted."""
    return (model.classify(model.fuse(model.encode(batch))).argmax(-1) == batch.label).float().mean()


def save(state: TrainerState, checkpoints: CheckpointManager) -> None:
    """Gather the state of every process and write it in the first one."""
    values = state.state_dict()
    if state.fabric.is_global_zero:
        checkpoints.write(values)


def check_finite(name: str, loss: float, step: int) -> None:
    """Raise FloatingPointError if the loss is not finite."""
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the {name} loss was {loss} before step {step}; lower optimizer.lr or "
            "optimizer.weight_decay, or set training.precision=32-true"
        )
