"""In a share of the samples one modality is of another, random sample, and marks itself as unsure.

A marked modality tells nothing of the answer: the image has a dashed border, the caption begins with a hedging word.
The other modality is right, so a fusion that learns whom to trust is always right; one modality alone can only answer
the most frequent class where it is marked. Because a random sample may have the class by chance, a mark does not say
which class it is not. A calibrated answer from a marked modality is the class shares, which the product of the two
answers divides out again: that product, too, is always right.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from multimodal.checks import check_number, check_seed, check_whole
from multimodal.images import Pictures, new_images
from multimodal.task.process import chance_level, split_generators, with_article
from multimodal.types import Captions, Limits, TaskData

HEDGE = "perhaps"
CHUNK = 1024  # images at a time
BORDER = 9  # of the image's height one part is the border's width: the digits of MNIST end before
DIFFER = "task=conflict: image and caption are of different samples where one of them is marked as unsure"


class ConflictTask:
    """Replaces and marks the image or the caption of some samples.

    Args:
        share: share of the samples in which one modality is replaced, the image in one half of them.
        draws: samples that are made of each training picture, each with draws of its own.
        seed: seed of all draws; the data's.
    """

    def __init__(self, share: float, draws: int, seed: int) -> None:
        check_number("task", above=0, most=1, share=share)
        check_whole("task", draws=draws)
        check_seed("task", seed=seed)
        self.share, self.draws, self.seed = share, draws, seed

    def apply(
        self, image: dict[str, Pictures], captions: Captions, content: dict[str, Tensor], class_names: list[str]
    ) -> TaskData:
        """Replace and mark one modality of some samples; the label stays the sample's class.

        Args:
            image: {split: (N, C, H, W) uint8}.
            captions: ignored.
            content: {split: (N,) int64, the pictured class}.
            class_names: names of the classes.

        Returns:
            The changed samples; `content` is the class of what the image shows now.
        """
        words = [with_article(name) for name in class_names]
        shown: dict[str, Pictures] = {}
        texts: dict[str, list[str]] = {}
        pictured: dict[str, Tensor] = {}
        unsure: dict[str, dict[str, Tensor]] = {}  # {split: {modality: (N,) bool}}
        for split, generator in split_generators(self.seed, content).items():
            count = len(content[split])
            drawn = torch.rand(count, generator=generator)
            unsure[split] = {"image": drawn < self.share / 2, "text": drawn >= 1 - self.share / 2}
            other = torch.randint(count, (count,), generator=generator)
            own = torch.arange(count)
            source = {modality: torch.where(marked, other, own) for modality, marked in unsure[split].items()}
            pictured[split] = content[split][source["image"]]
            parts = bordered_parts(image[split], source["image"], unsure[split]["image"])
            shown[split] = new_images(parts, image[split])
            named = content[split][source["text"]].tolist()
            hedged = unsure[split]["text"].tolist()
            texts[split] = [f"{HEDGE} {words[k]}" if h else words[k] for k, h in zip(named, hedged, strict=True)]
        chance = chance_level(content["train"], content["test"])
        frequent = content["test"] == content["train"].bincount().argmax()
        alone = {modality: float((~marked | frequent).double().mean()) for modality, marked in unsure["test"].items()}
        return TaskData(
            image=shown,
            captions=texts,
            label=content,
            content=pictured,
            names_class=False,
            limits=Limits(chance=chance, image=alone["image"], text=alone["text"], both=1.0, product=1.0),
            writes_captions=True,
            flippable=True,
            undefined=dict.fromkeys(("text_to_image", "image_to_text", "retrieval"), DIFFER),
        )


def bordered_parts(image: Pictures, rows: Tensor, marked: Tensor) -> Iterator[Tensor]:
    """Yield images at `rows` (M,) int64, those that are `marked` (M,) bool with a border: (m, C, H, H) uint8 each."""
    for some, unsure in zip(rows.split(CHUNK), marked.split(CHUNK), strict=True):
        yield with_border(image[some], unsure)


def with_border(image: Tensor, marked: Tensor) -> Tensor:
    """Return a copy in which the marked images have a border of black and white dashes, visible on any picture.

    Args:
        image: (N, C, H, H) uint8.
        marked: (N,) bool.
    """
    size = image.shape[-1]
    width = max(1, size // BORDER)
    place = torch.arange(size)
    inside = (place >= width) & (place < size - width)
    dash = place // width % 2
    dashes = 255 * ((dash[:, None] + dash) % 2).to(torch.uint8)  # (H, H)
    border = ~(inside[:, None] & inside)
    return torch.where(marked[:, None, None, None] & border, dashes, image)
