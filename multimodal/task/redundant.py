"""The pictured class is asked for: image and caption stay as they are, and each of them may answer alone."""

from torch import Tensor

from multimodal.images import Pictures
from multimodal.task.process import chance_level
from multimodal.types import Captions, Limits, TaskData

ANONYMOUS = "how much captions tell that do not name the class is not known"


class RedundantTask:
    """Changes nothing: the label is the pictured class.

    Attributes:
        draws: samples that are made of each training picture.
    """

    draws = 1

    def apply(
        self, image: dict[str, Pictures], captions: Captions, content: dict[str, Tensor], class_names: list[str]
    ) -> TaskData:
        """Return the samples unchanged.

        Args:
            image: {split: (N, C, H, W) uint8}.
            captions: as the caption mode left them.
            content: {split: (N,) int64, the pictured class}.
            class_names: names of the classes.
        """
        text = 1.0 if captions.names_class else ANONYMOUS
        return TaskData(
            image=image,
            captions=captions.texts,
            label=content,
            content=content,
            names_class=captions.names_class,
            limits=Limits(
                chance=chance_level(content["train"], content["test"]), image=1.0, text=text, both=1.0, product=1.0
            ),
            writes_captions=False,
            flippable=True,
            undefined={},
        )
