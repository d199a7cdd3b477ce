"""A task that neither modality solves alone: the caption names an operation, the image its operand.

The label is (pictured class + shift) mod K. The shift is drawn uniformly for each sample, and the caption states
only the shift, in a fixed phrase. Given the image alone, every label is equally likely; given the text alone, the
label is only as predictable as the class frequencies make it. This is the positive control of a comparison: a fusion
that fails here does not combine its inputs.
"""

import torch
from torch import Tensor

from multimodal.types import CaptionedTask

COUNT = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def phrases(classes: int) -> list[str]:
    """Return the caption for each shift from 0 to `classes` - 1."""
    if classes == 2:
        return ["the answer is this one", "the answer is the other one"]
    return [f"the answer is this one plus {COUNT[k] if k < len(COUNT) else k}" for k in range(classes)]


class SynergyCaptions:
    """Replaces each caption by a random shift and the label by the shifted class.

    Args:
        seed: seed of the random shifts; the data's seed, so that every run has the same shifts.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def apply(
        self, captions: dict[str, list[str]], content: dict[str, Tensor], class_names: list[str]
    ) -> CaptionedTask:
        """Draw a shift for each sample.

        Args:
            captions: ignored.
            content: {split: (N,) int64, the pictured class}.
            class_names: names of the classes.

        Returns:
            Captions that state the shift, and labels that are the shifted class.

        Raises:
            ValueError: there are fewer than two classes.
        """
        if len(class_names) < 2:
            raise ValueError(f"caption=synergy needs two classes or more, but the data has {class_names}")
        options = phrases(len(class_names))
        shifts: dict[str, list[str]] = {}
        label: dict[str, Tensor] = {}
        for number, split in enumerate(sorted(content)):
            generator = torch.Generator().manual_seed(1000 * self.seed + number)
            shift = torch.randint(len(class_names), (len(content[split]),), generator=generator)
            shifts[split] = [options[k] for k in shift.tolist()]
            label[split] = (content[split] + shift) % len(class_names)
        return CaptionedTask(shifts, label, names_class=False)
