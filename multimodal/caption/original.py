"""Captions as the data has them."""

from torch import Tensor

from multimodal.types import CaptionedTask


class OriginalCaptions:
    """Changes nothing: the label is the pictured class."""

    def apply(
        self, captions: dict[str, list[str]], content: dict[str, Tensor], class_names: list[str]
    ) -> CaptionedTask:
        """{split: texts}, {split: (N,) pictured class} -> the same."""
        return CaptionedTask(captions, content, names_class=True)
