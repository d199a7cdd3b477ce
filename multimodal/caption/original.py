"""Captions as the data has them, unchanged."""

from torch import Tensor

from multimodal.types import CaptionedTask


class OriginalCaptions:
    """Changes nothing: the label is the pictured class."""

    def apply(
        self, captions: dict[str, list[str]], content: dict[str, Tensor], class_names: list[str]
    ) -> CaptionedTask:
        """Return the captions {split: N texts} unchanged; the label is `content`, {split: (N,) pictured class}."""
        return CaptionedTask(captions, content, names_class=True)
