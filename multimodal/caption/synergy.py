"""A task that neither modality solves alone: the caption names an operation, the image its operand.

The label is the pictured class moved on by a number drawn uniformly for each sample, which the caption
states in a fixed phrase and nothing else. So the image alone leaves every class equally likely, and the text
alone leaves the classes' own shares: the positive control of a comparison, for a fusion that fails it does
not fuse.
"""

import torch
from torch import Tensor

from multimodal.types import CaptionedTask

COUNT = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def phrases(classes: int) -> list[str]:
    """What the caption says for each shift from 0 to `classes` - 1."""
    if classes == 2:
        return ["the answer is this one", "the answer is the other one"]
    return [f"the answer is this one plus {COUNT[k] if k < len(COUNT) else k}" for k in range(classes)]


class SynergyCaptions:
    """Draws an operation for each sample.

    Args:
        seed: of the draws; that of the data, so that every run has the same ones.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def apply(
        self, captions: dict[str, list[str]], content: dict[str, Tensor], class_names: list[str]
    ) -> CaptionedTask:
        """{split: texts}, {split: (N,) pictured class} -> operations, and the class after each."""
        if len(class_names) < 2:
            raise ValueError(f"caption=synergy needs two classes or more, got {class_names}")
        said, label = phrases(len(class_names)), {}
        told = {}
        for number, split in enumerate(sorted(content)):
            generator = torch.Generator().manual_seed(1000 * self.seed + number)
            shift = torch.randint(len(class_names), (len(content[split]),), generator=generator)
            told[split] = [said[k] for k in shift.tolist()]
            label[split] = (content[split] + shift) % len(class_names)
        return CaptionedTask(told, label, names_class=False)
