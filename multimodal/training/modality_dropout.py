"""Exclusive modality dropout: each training sample loses its image, its caption, or nothing.

After Neverova et al. 2016, ModDrop, https://arxiv.org/abs/1501.00102.
Differs: never both at once, since a sample with no input teaches only the prior.
"""

import hashlib

import torch
from torch import Tensor

from multimodal.checks import check_number


class ModalityDropout:
    """Draws which modalities each training sample misses.

    Args:
        image: probability that the image is absent.
        text: probability that the caption is absent; `image + text` is 1 at most.
        ramp: share of the training over which both probabilities rise linearly from 0 (a curriculum from complete to
            incomplete samples); 0 for constant ones.
    """

    def __init__(self, image: float, text: float, ramp: float) -> None:
        check_number("training.modality_dropout", least=0, most=1, image=image, text=text, ramp=ramp)
        if image + text > 1:
            raise ValueError(
                "training.modality_dropout.image and .text are rates of exclusive events: "
                f"their sum must be 1 at most, got {image} and {text}"
            )
        self.rates, self.ramp = {"image": image, "text": text}, ramp

    def split(self, uniform: Tensor, progress: float = 1.0) -> dict[str, Tensor]:
        """Turn uniform draws into masks.

        Args:
            uniform: (B,) draws in [0, 1).
            progress: share of the training that is done.

        Returns:
            {modality: (B,) bool, whether it is present}.
        """
        scale = min(1.0, progress / self.ramp) if self.ramp > 0 else 1.0
        image, text = (scale * self.rates[m] for m in ("image", "text"))
        return {"image": uniform >= image, "text": (uniform < image) | (uniform >= image + text)}

    def draw(self, size: int, *seed: int, progress: float = 1.0) -> dict[str, Tensor]:
        """Draw {modality: (size,) bool, whether it is present}; equal `seed` numbers give equal masks."""
        return self.split(torch.rand(size, generator=generator(*seed)), progress)


def generator(*numbers: int) -> torch.Generator:
    """Return a random generator seeded with a hash of these whole numbers."""
    digest = hashlib.blake2b(" ".join(map(str, numbers)).encode(), digest_size=4).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest))  # 32 bits: all that a CPU generator reads
