"""Captions as the data has them, unchanged."""

from torch import Tensor

from multimodal.types import Captions


class OriginalCaptions:
    """Changes nothing."""

    def apply(self, captions: dict[str, list[str]], content: dict[str, Tensor], class_names: list[str]) -> Captions:
        """Return the captions {split: N texts} unchanged; `content`, {split: (N,) pictured class}, is ignored."""
        return Captions(captions, names_class=True)
