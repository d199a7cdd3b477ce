"""Which device and precision a run uses, checked before anything starts."""

import logging
import os
import pickle
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.plugins.precision.precision import _PRECISION_INPUT_STR
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.strategy import Strategy
from torch import Tensor
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from multimodal.checks import check_one_of, check_whole
from multimodal.training.interruption import Interrupted, ParentInterruptHandler
from multimodal.training.precision import BFloat16Weights

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed", "bf16-true")  # losses and targets are float32 in all
ASKED = 10  # steps after which several processes ask each other for a signal
Log = tuple[int, "Queue[logging.LogRecord]"]  # the level, and where records of that level and above are put
STRATEGIES = ("auto", "ddp")  # of which every process has the whole weights


def make_fabric(accelerator: str, devices: int, precision: str, num_nodes: int = 1, strategy: str = "auto") -> Fabric:
    """Build Lightning Fabric with one process per device: it starts them itself, unless torchrun did.

    Args:
        accelerator: `auto`, `cpu`, `cuda` or another accelerator that Fabric supports.
        devices: number of devices of each machine, 1 or more.
        precision: one of PRECISIONS; `auto` is bf16-mixed if the hardware computes in bf16, else 32-true.
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


def launch(fabric: Fabric, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run `function(fabric, *arguments)` in each of Fabric's processes and return the result of the first process.

    Processes are spawned: a forked one inherits OpenMP's pool without its threads and hangs at the first
    operation that uses two of them, and CUDA does not survive a fork at all. The script is never run again
    from its start, so a sweep stays in one process. Each process gets an equal share of this one's threads.

    Where torchrun started the processes, each of them calls this, and each gets its own result.
    """
    if fabric.world_size == 1:
        return fabric.launch(function, *arguments)
    if by_torchrun():
        return fabric.launch(cast(Callable[[Fabric], Any], run_beside_others), function, *arguments)
    threads = max(1, torch.get_num_threads() // fabric.world_size)
    copies = pickle.dumps(arguments)  # multiprocessing itself would put the weights into memory that all share
    with tempfile.TemporaryDirectory() as folder:  # Fabric's pipe blocks for ever on a result above 64 KB
        result = Path(folder) / "result"
        with ParentInterruptHandler() as interrupt, relayed_log() as log:
            try:
                # Fabric's annotation forgets the arguments that follow
                process = cast(Callable[[Fabric], Any], run_process)
                fabric.launch(process, fabric.world_size, threads, log, function, copies, result)
            except (ProcessRaisedException, ProcessExitedException) as error:
                raise_failure(result, error)
                if interrupt.received is not None:  # before there was a step to save
                    raise Interrupted(None, interrupt.received) from error
                raise
            finally:
                os.environ.pop("MASTER_PORT", None)  # Fabric's choice for these processes, not for the next job's
                for child in interrupt.children():  # which a second signal would leave behind
                    child.kill()
            raise_failure(result, None)
        return pickle.loads(result.read_bytes())


class Relay(logging.Handler):
    """Handles a record of another process as if it were of this one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record to its logger."""
        logging.getLogger(record.name).handle(record)


@contextmanager
def relayed_log() -> Iterator[Log]:
    """Log in this process what another one puts into the queue, of which it is given the level, too."""
    records = torch.multiprocessing.get_context("spawn").Queue()
    listener = QueueListener(records, Relay())
    listener.start()
    try:
        yield logging.getLogger().getEffectiveLevel(), records
    finally:
        listener.stop()


def run_process(
    fabric: Fabric,
    expected: int,
    threads: int,
    log: Log,
    function: Callable[..., Any],
    copies: bytes,
    result: Path,
) -> None:
    """Run `function` in one process of `launch`; the first process logs, and writes the result to a file."""
    if fabric.is_global_zero:
        level, records = log
        logging.basicConfig(level=level, handlers=[QueueHandler(records)])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # torch takes KeyboardInterrupt for an end without a result
    torch.set_num_threads(threads)
    torch.manual_seed(torch.initial_seed() + fabric.global_rank)  # dropout draws another mask in each
    count = int(cast(Tensor, fabric.all_reduce(torch.ones((), device=fabric.device), reduce_op="sum")))
    assert count == expected, f"{count} of {expected} processes joined"
    try:
        returned = function(fabric, *pickle.loads(copies))
    except (ValueError, FloatingPointError, OSError) as error:
        failure_file(result).write_bytes(pickle.dumps(error))
        raise
    except Interrupted as error:  # in all processes after the same step
        returned = None
        if fabric.is_global_zero:
            failure_file(result).write_bytes(pickle.dumps(error))
    if fabric.is_global_zero:
        result.write_bytes(pickle.dumps(returned))
    if torch.distributed.is_initialized():  # else its threads may outlive the interpreter, which then aborts
        leave(fabric)


def run_beside_others(fabric: Fabric, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run `function` in a process that torchrun started, and leave the group of processes."""
    torch.manual_seed(torch.initial_seed() + fabric.global_rank)  # dropout draws another mask in each
    try:
        returned = function(fabric, *arguments)
    except Interrupted:  # in all processes after the same step
        leave(fabric)
        raise
    leave(fabric)
    return returned


def leave(fabric: Fabric) -> None:
    """Leave the group of processes together with the others."""
    fabric.barrier()
    torch.distributed.destroy_process_group()


def agreed_signal(fabric: Fabric, received: signal.Signals | None, step: int) -> signal.Signals | None:
    """Return the signal that stops the training after this step, the same in all processes, or None.

    They get a signal at different steps, so every ASKED steps they ask each other.

    Args:
        fabric: of one of the processes; all of them call this.
        received: the signal that this one got, if any.
        step: number of steps taken.
    """
    if fabric.world_size == 1:
        return received
    if step % ASKED:
        return None
    number = torch.tensor(received or 0, device=fabric.device)
    highest = int(cast(Tensor, fabric.all_reduce(number, reduce_op="max")))
    return signal.Signals(highest) if highest else None


def failure_file(result: Path) -> Path:
    """Return the file in which a process of `launch` leaves the error that ended it."""
    return result.with_name("error")


def raise_failure(result: Path, source: Exception | None) -> None:
    """Raise what a process of `launch` raised, if any, and not the text of its traceback."""
    cause = failure_file(result)
    if cause.exists():
        raise pickle.loads(cause.read_bytes()) from source


def computes_bf16() -> bool:
    """Return whether this CPU can compute in bf16: oneDNN has no LSTM and no convolution in bf16 without AVX-512."""
    return not torch.backends.mkldnn.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def has_bf16(accelerator: str) -> bool:
    """Return whether the hardware computes in bf16 without emulating it."""
    if accelerator == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return accelerator == "cpu" and torch.cpu._is_avx512_bf16_supported()
