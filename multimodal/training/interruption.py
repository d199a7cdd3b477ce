"""Ctrl-C and SIGTERM: training finishes and saves the current step; a second signal stops at once."""

import logging
import signal
import threading
from types import FrameType
from typing import Any

log = logging.getLogger(__name__)

# other handlers, such as submitit's, are left in place
REPLACEABLE = (signal.SIG_DFL, signal.default_int_handler)


class Interrupted(KeyboardInterrupt):
    """Raised when a signal stopped the training after its state was saved.

    It is a KeyboardInterrupt and no Exception, so that it ends a sweep instead of counting as a failed job.

    Args:
        step: number of steps taken.
        received: the signal; a shell expects 128 plus its number as exit status.
    """

    def __init__(self, step: int, received: signal.Signals) -> None:
        super().__init__(
            f"stopped after step {step} by {received.name}; run the same command again to resume from step {step}"
        )
        self.step, self.received = step, received

    def __reduce__(self) -> tuple[type, tuple[int, signal.Signals]]:
        """Let pickle rebuild the exception, for a launcher that sends it between processes."""
        return type(self), (self.step, self.received)


class InterruptHandler:
    """Context in which the first SIGINT or SIGTERM is only stored in `received`; the next one acts as usual.

    Args:
        active: whether to handle signals; outside the main thread Python cannot, and they are left alone.
    """

    def __init__(self, active: bool) -> None:
        self.active = active and threading.current_thread() is threading.main_thread()
        self.received: signal.Signals | None = None
        self.previous: dict[signal.Signals, Any] = {}  # the handlers to put back

    def __enter__(self) -> "InterruptHandler":
        for number in (signal.SIGINT, signal.SIGTERM):
            if self.active and signal.getsignal(number) in REPLACEABLE:
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
