"""The progress bar of a training run."""

import logging
import sys
import time

from tqdm import tqdm

from multimodal.training.meter import MeanMeter
from multimodal.training.selection import Selection

log = logging.getLogger(__name__)

BAR_SECONDS = 1.0  # between two looks at the device
DROPPED = "accuracy with modalities dropped"  # at the rates of training, so it is not the accuracy with both


class Bar:
    """A progress bar that looks at the device once a second; in a log file, a line for each validation instead.

    Args:
        steps: of the whole run.
        done: steps taken before, by a run that this one goes on from.
        shown: whether there is a bar at all.
        selection: by which the best checkpoint is chosen.
    """

    def __init__(self, steps: int, done: int, shown: bool, selection: Selection) -> None:
        self.steps, self.shown, self.terminal, self.selection = steps, shown, sys.stderr.isatty(), selection
        self.bar = tqdm(
            total=steps,
            initial=done,
            desc="training",
            unit="step",
            disable=not (shown and self.terminal),
            mininterval=BAR_SECONDS,
        )
        self.looked = time.perf_counter()

    def update(self, means: MeanMeter, batch_size: int) -> None:
        """One step further."""
        self.bar.update()
        now = time.perf_counter()
        if now - self.looked >= BAR_SECONDS and not self.bar.disable:
            self.looked = now
            shown = means.means()
            rate = self.bar.format_dict["rate"] or 0.0
            self.bar.set_postfix_str(
                f"loss {shown['loss']:.3f}, {DROPPED} {shown['accuracy']:.3f}, {rate * batch_size:.0f} samples/s"
            )

    def validated(self, row: dict[str, float], best: dict[str, float]) -> None:
        """Log a validation in a line, where there is no terminal for a bar.

        Args:
            row: of the history.
            best: row of the best checkpoint so far.
        """
        if self.shown and not self.terminal:
            log.info(
                "step %d/%d: loss %.3f, validation loss %.3f, %s %.3f, %s %.3f at step %d, %.0f samples/s",
                row["step"],
                self.steps,
                row["train/loss"],
                row["validation/loss"],
                DROPPED,
                row["validation/accuracy"],
                self.selection.title,
                best[self.selection.column],
                best["step"],
                row["train/samples_per_s"],
            )

    def close(self) -> None:
        """Leaves the last state on the screen."""
        self.bar.close()
