"""Which device and precision a run uses, checked before anything starts."""

import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from lightning_fabric.strategies import DDPStrategy

from multimodal.checks import check_one_of, check_whole

# weights stay in float32: losses, targets and the Gaussian experts are computed in it
PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")


def make_fabric(accelerator: str, devices: int, precision: str) -> Fabric:
    """Lightning Fabric for one process a device.

    Args:
        accelerator: `auto`, `cpu`, `cuda` or another of Fabric's.
        devices: how many of them, 1 or more.
        precision: `auto` (bf16-mixed where the hardware multiplies it, else 32-true) or another of PRECISIONS.
    """
    check_one_of("training", PRECISIONS, precision=precision)
    check_whole("training", devices=devices)
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cpu" and devices > os.cpu_count():
        raise ValueError(f"training.devices={devices} needs {devices} CPU cores, this machine has {os.cpu_count()}")
    if accelerator == "cuda" and torch.cuda.device_count() < devices:
        raise ValueError(
            f"training.accelerator=cuda with training.devices={devices} needs as many CUDA devices, "
            f"this machine has {torch.cuda.device_count()}; training.accelerator=cpu runs without"
        )
    if precision == "auto":
        precision = "bf16-mixed" if has_bf16(accelerator) else "32-true"
    if accelerator == "cpu" and precision != "32-true" and not computes_bf16():  # 16-mixed is bf16 on a CPU
        raise ValueError(f"training.precision={precision}: this CPU cannot compute in bf16; give 32-true")
    strategy = "auto"
    if devices > 1:  # a fusion may leave a part of an encoder without gradient
        strategy = DDPStrategy(start_method="spawn", find_unused_parameters=True)
    here = [LightningEnvironment()]  # under Slurm, too: else Fabric would take its tasks for our processes
    try:
        return Fabric(accelerator=accelerator, devices=devices, strategy=strategy, precision=precision, plugins=here)
    except (ImportError, RuntimeError) as error:
        raise ValueError(f"training.accelerator={accelerator} cannot be used here: {error}") from error


def launch(fabric: Fabric, function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(fabric, *arguments)` in each of Fabric's processes; what the first one returned.

    Processes are spawned: a forked one inherits OpenMP's pool without its threads and hangs at the first
    operation that wants two of them, and CUDA does not survive a fork at all. The script is never run again
    from its start, so a sweep stays in one process. Each gets its share of this one's threads.
    """
    if fabric.world_size == 1:
        return fabric.launch(function, *arguments)
    threads = max(1, torch.get_num_threads() // fabric.world_size)
    copies = pickle.dumps(arguments)  # multiprocessing itself would put the weights into memory that all share
    with tempfile.TemporaryDirectory() as folder:  # Fabric's pipe blocks for ever on a result above 64 KB
        result = Path(folder) / "result"
        try:
            fabric.launch(joined, fabric.world_size, threads, function, copies, result)
        finally:
            os.environ.pop("MASTER_PORT", None)  # Fabric's choice for these processes, not for the next job's
        return pickle.loads(result.read_bytes())


def joined(
    fabric: Fabric, expected: int, threads: int, function: Callable[..., Any], copies: bytes, result: Path
) -> None:
    """One process's part of `launch`."""
    torch.set_num_threads(threads)
    torch.manual_seed(torch.initial_seed() + fabric.global_rank)  # dropout draws another mask in each
    count = int(fabric.all_reduce(torch.ones((), device=fabric.device), reduce_op="sum"))
    assert count == expected, f"{count} of {expected} processes joined"
    returned = function(fabric, *pickle.loads(copies))
    if fabric.is_global_zero:
        result.write_bytes(pickle.dumps(returned))
    if torch.distributed.is_initialized():  # else its threads may outlive the interpreter, which then aborts
        fabric.barrier()
        torch.distributed.destroy_process_group()


def computes_bf16() -> bool:
    """Whether this CPU can at all: oneDNN has no LSTM and no convolution in bf16 without AVX-512."""
    return not torch.backends.mkldnn.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def has_bf16(accelerator: str) -> bool:
    """Whether bf16 is computed by the hardware rather than emulated."""
    if accelerator == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return accelerator == "cpu" and torch.cpu._is_avx512_bf16_supported()
