"""The processes of a training on several devices: started, told to stop together, and their result brought back."""

import atexit
import gc
import logging
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from multimodal.io import whole
from multimodal.training.device import by_torchrun
from multimodal.training.interruption import Interrupted, ParentInterruptHandler

ASKED = 10  # steps after which several processes ask each other for a signal
# what `launch` raises as a process raised it; of other errors it has the text of the traceback
CARRIED = (ValueError, FloatingPointError, OSError, MemoryError, torch.OutOfMemoryError)
Log = tuple[int, "Queue[logging.LogRecord]"]  # the level, and where records of that level and above are put


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
    gc.collect()
    if torch.cuda.is_initialized():  # memory that an earlier job's evaluation keeps here is missed there
        torch.cuda.empty_cache()
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
    except Interrupted as error:  # in all processes after the same step
        returned = None
        if fabric.is_global_zero:
            failure_file(result).write_bytes(pickle.dumps(error))
    except Exception as error:
        atexit.register(end_alone)
        if isinstance(error, CARRIED):
            with whole(failure_file(result)) as file:  # others may fail in the same step
                file.write_bytes(pickle.dumps(error))
        raise
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
    except Exception:
        atexit.register(end_alone)
        raise
    leave(fabric)
    return returned


def leave(fabric: Fabric) -> None:
    """Leave the group of processes together with the others."""
    atexit.unregister(end_alone)  # of a trial that failed before
    fabric.barrier()
    torch.distributed.destroy_process_group()


def end_alone() -> None:
    """End a process that failed, without the others: Fabric would leave the group of processes at the exit.

    On GPUs that waits for the others, which wait for this one in their step. The function that is registered last is
    called first, and what is called later is not called at all.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


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
