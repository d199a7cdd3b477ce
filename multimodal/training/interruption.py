"""Ctrl-C, SIGTERM and SIGHUP: training finishes and saves the current step; a second signal stops at once.

Outside of the training loop SIGTERM and SIGHUP raise `Interrupted`, as Ctrl-C raises KeyboardInterrupt.
"""

import logging
import multiprocessing
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, Self

log = logging.getLogger(__name__)

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
SIGNALS = (signal.SIGINT, *ENDING)


class Interrupted(KeyboardInterrupt):
    """Raised when a signal stopped the training after its state was saved, or stopped what else is done.

    It is a KeyboardInterrupt and no Exception, so that it ends a sweep instead of counting as a failed job.

    Args:
        step: number of steps taken; None outside of the training loop.
        received: the signal; a shell expects 128 plus its number as exit status.
    """

    def __init__(self, step: int | None, received: signal.Signals) -> None:
        after, advice = ("", "")
        if step is not None:
            after, advice = f" after step {step}", f"; run the same command again to resume from step {step}"
        super().__init__(f"stopped{after} by {received.name}{advice}")
        self.step, self.received = step, received

    def __reduce__(self) -> tuple[type, tuple[int | None, signal.Signals]]:
        """Let pickle rebuild the exception, for a launcher that sends it between processes."""
        return type(self), (self.step, self.received)


class Ending:
    """Handler of SIGTERM and SIGHUP that raises `Interrupted`; a second signal ends the process at once.

    In a process that is forked from this one, such as a worker that its pool ends by SIGTERM, it acts as none.
    """

    def __init__(self) -> None:
        self.process = os.getpid()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        for ending in ENDING:
            if signal.getsignal(ending) is self:
                signal.signal(ending, signal.SIG_DFL)
        if os.getpid() != self.process:
            os.kill(os.getpid(), number)
        raise Interrupted(None, signal.Signals(number))


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Interrupted` in the block, as far as nobody else handles them."""
    previous = {}
    if threading.current_thread() is threading.main_thread():
        handler = Ending()
        replaced = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
        previous = {number: signal.signal(number, handler) for number in replaced}
    try:
        yield
    finally:
        for number in previous:
            signal.signal(number, signal.SIG_DFL)


def replaceable(handler: Any) -> bool:
    """Return whether a handler is Python's or ours; others, such as submitit's, and what nohup ignores, stay."""
    return handler in (signal.SIG_DFL, signal.default_int_handler) or isinstance(handler, Ending)


class InterruptHandler:
    """Context in which the first signal is only stored in `received`; the next one acts as usual.

    Outside the main thread Python cannot handle signals, and they are left alone.
    """

    def __init__(self) -> None:
        self.active = threading.current_thread() is threading.main_thread()
        self.received: signal.Signals | None = None
        self.previous: dict[signal.Signals, Any] = {}  # the handlers to put back

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if self.active and replaceable(signal.getsignal(number)):
                self.previous[number] = signal.signal(number, self.note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: object) -> None:
        self.restore()
        if self.received is not None and kind is None:  # it arrived after the last check of `received`
            signal.raise_signal(self.received)

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: store it, and put the previous handlers back."""
        self.received = signal.Signals(number)
        log.warning("%s: finishing and saving this step; send the signal again to stop at once", self.received.name)
        self.restore()

    def restore(self) -> None:
        """Put the previous handlers back."""
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}


class SharedInterruptHandler(InterruptHandler):
    """The same in one of the processes of a training, of which whoever started them ends what does not stop.

    A signal may come twice, to all processes and passed on by their parent, so those after the first are ignored.
    """

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: store the first."""
        self.received = self.received or signal.Signals(number)


class ParentInterruptHandler(InterruptHandler):
    """The same in the process that starts those of a training within the context: it passes the signal on to them."""

    def __init__(self) -> None:
        super().__init__()
        self.others = multiprocessing.active_children()

    def children(self) -> list[BaseProcess]:
        """Return the processes that were started within the context and still run."""
        return [process for process in multiprocessing.active_children() if process not in self.others]

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: store it, and pass it on."""
        super().note(number, frame)
        for process in self.children():
            if process.pid is not None:
                os.kill(process.pid, number)


def requeue_job() -> str:
    """Put this process's job of Slurm's back into the queue, as Lightning does; return what came of it."""
    job = os.environ.get("SLURM_JOB_ID")
    if "SLURM_ARRAY_JOB_ID" in os.environ:
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    if job is None:
        return "this is no job of Slurm's"
    try:
        subprocess.run(["scontrol", "requeue", job], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        return f"job {job} could not be put back into the queue: {' '.join(reason.split())}"
    return f"job {job} is in the queue again"
