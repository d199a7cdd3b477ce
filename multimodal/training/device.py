"""Which device and precision a run uses, checked before anything starts."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.plugins.precision.precision import _PRECISION_INPUT_STR
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.strategy import Strategy

from multimodal.checks import check_one_of, check_whole
from multimodal.training.precision import BFloat16Weights

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed", "bf16-true")  # losses and targets are float32 in all
STRATEGIES = ("auto", "ddp")  # of which every process has the whole weights


def make_fabric(
    accelerator: str, devices: int, precision: str | int, num_nodes: int = 1, strategy: str = "auto"
) -> Fabric:
    """Build Lightning Fabric with one process per device: it starts them itself, unless torchrun did.

    Args:
        accelerator: `auto`, `cpu`, `cuda` or another accelerator that Fabric supports.
        devices: number of devices of each machine, 1 or more.
        precision: one of PRECISIONS, no number; `auto` is bf16-mixed if the hardware computes in bf16, else 32-true.
        num_nodes: number of machines; on several, torchrun starts the processes.
        strategy: how the processes share a training: `ddp` (each has the whole weights), or `auto`, the same if there
            are several.

    Raises:
        ValueError: if this machine lacks the devices or cannot compute in the precision, torchrun started another
            number of processes, or the strategy is another one or has one process only.
    """
    check_one_of("training", PRECISIONS, precision=precision)
    check_whole("training", devices=devices, num_nodes=num_nodes)
    check_strategy(strategy, devices * num_nodes)
    check_torchrun(devices, num_nodes)
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    cores = os.cpu_count()
    if accelerator == "cpu" and cores is not None and devices > cores:
        raise ValueError(f"training.devices={devices} needs {devices} CPU cores, but this machine has {cores}")
    if accelerator == "cuda" and torch.cuda.device_count() < devices:
        raise ValueError(
            f"training.accelerator=cuda with training.devices={devices} needs as many CUDA devices, "
            f"but this machine has {torch.cuda.device_count()}; use training.accelerator=cpu to run without them"
        )
    if precision == "auto":
        precision = "bf16-mixed" if has_bf16(accelerator) else "32-true"
    if accelerator == "cpu" and precision != "32-true" and not computes_bf16():  # 16-mixed is bf16 on a CPU
        raise ValueError(f"training.precision={precision}: this CPU cannot compute in bf16; use 32-true")
    shared: str | Strategy = "auto"
    if devices * num_nodes > 1:  # a fusion may leave a part of an encoder without gradient
        shared = DDPStrategy(start_method="popen" if by_torchrun() else "spawn", find_unused_parameters=True)
    try:
        with only_warnings():
            return Fabric(
                accelerator=accelerator,
                devices=devices,
                num_nodes=num_nodes,
                strategy=shared,
                precision=None if precision == "bf16-true" else cast(_PRECISION_INPUT_STR, precision),
                # under Slurm, too: else Fabric would take its tasks for our processes
                plugins=[
                    TorchElasticEnvironment() if by_torchrun() else LightningEnvironment(),
                    *([BFloat16Weights()] if precision == "bf16-true" else []),
                ],
            )
    except (ImportError, RuntimeError, ValueError) as error:
        raise ValueError(f"training.accelerator={accelerator} cannot be used on this machine: {error}") from error


@contextmanager
def only_warnings() -> Iterator[None]:
    """Leave out Fabric's infos in the block: it names the precision even where an error about the data follows."""
    logger = logging.getLogger("lightning_fabric")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def check_strategy(strategy: str, processes: int) -> None:
    """Raise ValueError for a strategy that splits the weights, or that this number of processes cannot have."""
    if strategy not in STRATEGIES:
        raise ValueError(
            f"training.strategy must be one of {', '.join(STRATEGIES)}, got {strategy}: checkpoints, validation and "
            "gradient norms read the whole weights, which fsdp and deepspeed split over the processes"
        )
    if strategy == "ddp" and processes == 1:
        raise ValueError("training.strategy=ddp needs training.devices or training.num_nodes of 2 or more; use auto")


def by_torchrun() -> bool:
    """Return whether torchrun started this process, and others beside it."""
    return TorchElasticEnvironment.detect()


def check_torchrun(devices: int, num_nodes: int) -> None:
    """Raise ValueError unless torchrun started a process per device, or one machine can start them itself."""
    given = f"training.devices={devices} on each of training.num_nodes={num_nodes}"
    if by_torchrun() and devices * num_nodes != int(os.environ["WORLD_SIZE"]):
        raise ValueError(
            f"torchrun started {os.environ['WORLD_SIZE']} processes, but {given} needs {devices * num_nodes}: "
            "give it --nproc-per-node and --nnodes as here; modes other than train need none"
        )
    if num_nodes > 1 and not by_torchrun():
        raise ValueError(f"{given} needs torchrun, which starts the processes of every machine")


def devices_of(fabric: Fabric) -> list[torch.device]:
    """Return the devices of this machine that a training uses; the processes of a CPU share one."""
    shared = cast("list[torch.device] | None", getattr(fabric.strategy, "parallel_devices", None))
    return list(dict.fromkeys(shared or [fabric.device]))


def computes_bf16() -> bool:
    """Return whether this CPU can compute in bf16: oneDNN has no LSTM and no convolution in bf16 without AVX-512."""
    return not torch.backends.mkldnn.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def has_bf16(accelerator: str) -> bool:
    """Return whether the hardware computes in bf16 without emulating it."""
    if accelerator == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return accelerator == "cpu" and torch.cpu._is_avx512_bf16_supported()
