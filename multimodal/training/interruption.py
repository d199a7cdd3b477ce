"""Ctrl-C and SIGTERM: the step at hand is finished and kept; a second signal stops at once."""

import logging
import signal
import threading
from types import FrameType

log = logging.getLogger(__name__)

# whoever set another handler, submitit for one, keeps it
OURS_TO_TAKE = (signal.SIG_DFL, signal.default_int_handler)


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop, and what it had is kept.

    A KeyboardInterrupt and no Exception: it ends a sweep instead of counting as a failed job.

    Args:
        step: the last one taken.
        received: the signal; a shell expects the exit status 128 + `received`.
    """

    def __init__(self, step: int, received: signal.Signals) -> None:
        super().__init__(
            f"stopped after step {step} by {received.name}; the same command again goes on from step {step}"
        )
        self.step, self.received = step, received

    def __reduce__(self) -> tuple[type, tuple[int, signal.Signals]]:
        """For a launcher that sends it between processes."""
        return type(self), (self.step, self.received)


class InterruptHandler:
    """Within it, the first SIGINT or SIGTERM is only noted in `received`; the next does what it did before.

    Args:
        active: whether to do anything; outside the main thread nothing can be done.
    """

    def __init__(self, active: bool) -> None:
        self.active = active and threading.current_thread() is threading.main_thread()
        self.received: signal.Signals | None = None
        self.previous = {}

    def __enter__(self) -> "InterruptHandler":
        for number in (signal.SIGINT, signal.SIGTERM):
            if self.active and signal.getsignal(number) in OURS_TO_TAKE:
                self.previous[number] = signal.signal(number, self.note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: object) -> None:
        self.restore()
        if self.received is not None and kind is None:  # it came too late to be looked at
            signal.raise_signal(self.received)

    def note(self, number: int, frame: FrameType | None) -> None:
        """The handler."""
        self.received = signal.Signals(number)
        log.warning("%s: finishing this step and saving it; once more stops at once", self.received.name)
        self.restore()

    def restore(self) -> None:
        """The handlers that were there."""
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}
