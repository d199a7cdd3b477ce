"""The progress bar of a training run."""

import time

from tqdm import tqdm

from multimodal.training.meter import MeanMeter

BAR_SECONDS = 1.0  # between two looks at the device


class Bar:
    """A progress bar that looks at the device once a second.

    Args:
        steps: of the whole run.
        done: steps taken before, by a run that this one goes on from.
        shown: whether there is a bar at all.
    """

    def __init__(self, steps: int, done: int, shown: bool) -> None:
        settings = {"desc": "training", "unit": "step", "disable": not shown, "mininterval": BAR_SECONDS}
        self.bar = tqdm(total=steps, initial=done, **settings)
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
                f"loss {shown['loss']:.3f}, accuracy {shown['accuracy']:.3f}, {rate * batch_size:.0f} samples/s"
            )

    def close(self) -> None:
        """Leaves the last state on the screen."""
        self.bar.close()
