"""A task that neither modality solves alone: the caption names an operation, the image its operand.

The label is (pictured class + shift) mod K. The shift is drawn uniformly for each sample, and the caption states
only the shift, in a fixed phrase. Given the image alone, every label is equally likely; given the text alone, the
label is only as predictable as the class frequencies make it. This is the positive control of a comparison: a fusion
that fails here does not combine its inputs.
"""

import torch
from torch import Tensor

from multimodal.checks import check_seed, check_whole
from multimodal.images import Pictures
from multimodal.task.process import chance_level, split_generators
from multimodal.types import Captions, Limits, TaskData

UNRELATED = "task=synergy: the caption names a random operation, which has nothing to do with the image"
COUNT = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def phrases(classes: int) -> list[str]:
    """Return the caption for each shift from 0 to `classes` - 1."""
    if classes == 2:
        return ["the answer is this one", "the answer is the other one"]
    return [f"the answer is this one plus {COUNT[k] if k < len(COUNT) else k}" for k in range(classes)]


class SynergyTask:
    """Replaces each caption by a random shift and the label by the shifted class.

    Args:
        draws: samples that are made of each training picture, each with its own shift.
        seed: seed of the random shifts; the data's seed, so that every run has the same shifts.
    """

    def __init__(self, draws: int, seed: int) -> None:
        check_whole("task", draws=draws)
        check_seed("task", seed=seed)
        self.draws, self.seed = draws, seed

    def apply(
        self, image: dict[str, Pictures], captions: Captions, content: dict[str, Tensor], class_names: list[str]
    ) -> TaskData:
        """Draw a shift for each sample.

        Args:
            image: {split: (N, C, H, W) uint8}, not changed.
            captions: ignored.
            content: {split: (N,) int64, the pictured class}.
            class_names: names of the classes.

        Returns:
            Captions that state the shift, and labels that are the shifted class.

        Raises:
            ValueError: there are fewer than two classes.
        """
        classes = len(class_names)
        if classes < 2:
            raise ValueError(f"task=synergy needs two classes or more, but the data has {class_names}")
        options = phrases(classes)
        shifts: dict[str, list[str]] = {}
        label: dict[str, Tensor] = {}
        for split, generator in split_generators(self.seed, content).items():
            shift = torch.randint(classes, (len(content[split]),), generator=generator)
            shifts[split] = [options[k] for k in shift.tolist()]
            label[split] = (content[split] + shift) % classes
        # the shift is uniform, so given the image every label is equally likely; given the text, the label is as
        # likely as the class that is shifted, and the image's answer moves none of these probabilities
        text = chance_level(content["train"], content["test"])
        limits = Limits(
            chance=chance_level(label["train"], label["test"]), image=1 / classes, text=text, both=1.0, product=text
        )
        return TaskData(
            image=image,
            captions=shifts,
            label=label,
            content=content,
            names_class=False,
            limits=limits,
            writes_captions=True,
            flippable=True,
            undefined=dict.fromkeys(("image_to_text", "text_to_image", "retrieval"), UNRELATED),
        )
