"""Both modalities are damaged, each sample by itself and independently given the class.

Images are blurred, covered in part and made noisy; captions name the class, name it beside a wrong one, or name none.
Of two, the right one is named first more often than not, so that two candidates tell something of two classes, too.
Because the damages are independent given the class, the best answer from both is that of the product of the two
single-modality posteriors, divided by the prior: no fusion needs to do more, and none can do better.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.transforms.v2.functional import gaussian_blur

from multimodal.checks import check_number, check_seed, check_whole
from multimodal.images import Pictures, new_images
from multimodal.task.process import chance_level, class_shares, split_generators, with_article
from multimodal.types import Captions, Limits, TaskData

GREY = 128  # of what covers an image
GRAINS = 28  # of noise in the height of an image, so that the noise of a larger image does not average out
CHUNK = 1024  # images damaged at a time
NOTHING = "something"  # the caption that names no class
MEASURED = "the accuracy of an oracle, a lower bound, measured when a model is evaluated"
OPEN = "task=noisy: a caption may name another class or none, so what to draw is open"
RANDOM = "task=noisy: the captions name other classes at random"


class NoisyTask:
    """Damages images and replaces captions by ones that name one class, two or none.

    Args:
        severity: which of the grades below is used, counted from 0.
        blur: standard deviation of the blur, as a share of the image's height; a grade each.
        covered: share of the image that is covered, from a side that is drawn; a grade each.
        noise: standard deviation of the noise, grey and of at most GRAINS grains in the height, as a share of the range
            of values; a grade each.
        one_class: share of the captions that name the class alone; a grade each.
        no_class: share of the captions that name none; a grade each. The rest name the class and another.
        right_first: share of the captions with two classes that name the right one first.
        draws: samples that are made of each training picture, each damaged by itself.
        seed: seed of all draws; the data's.
    """

    def __init__(
        self,
        severity: int,
        blur: list[float],
        covered: list[float],
        noise: list[float],
        one_class: list[float],
        no_class: list[float],
        right_first: float,
        draws: int,
        seed: int,
    ) -> None:
        grades = {"blur": blur, "covered": covered, "noise": noise, "one_class": one_class, "no_class": no_class}
        if len({len(values) for values in grades.values()}) > 1 or not blur:
            lengths = ", ".join(f"task.{name} {len(values)}" for name, values in grades.items())
            raise ValueError(f"every grade needs a number in each of these lists, they have: {lengths}")
        for name, values in grades.items():
            for grade, value in enumerate(values):
                check_number(f"task.{name}", least=0, most=1, **{str(grade): value})
        check_whole("task", 0, len(blur) - 1, severity=severity)
        check_number("task", least=0, most=1, right_first=right_first)
        check_whole("task", draws=draws)
        check_seed("task", seed=seed)
        self.blur, self.covered, self.noise = blur[severity], covered[severity], noise[severity]
        self.one_class, self.no_class = one_class[severity], no_class[severity]
        self.right_first, self.draws, self.seed = right_first, draws, seed
        if self.one_class + self.no_class > 1:
            raise ValueError(
                f"task.one_class and task.no_class must sum to 1 at most, got {self.one_class} and {self.no_class} "
                f"at task.severity={severity}"
            )

    def apply(
        self, image: dict[str, Pictures], captions: Captions, content: dict[str, Tensor], class_names: list[str]
    ) -> TaskData:
        """Damage both modalities of every sample; the label is the pictured class.

        Args:
            image: {split: (N, C, H, W) uint8}.
            captions: ignored.
            content: {split: (N,) int64, the pictured class}.
            class_names: names of the classes.
        """
        damaged: dict[str, Pictures] = {}
        names: dict[str, Tensor] = {}
        for split, generator in split_generators(self.seed, content).items():
            damaged[split] = self.damage(image[split], generator)
            names[split] = self.name_classes(content[split], len(class_names), generator)
        shares = {split: class_shares(content[split], len(class_names)) for split in ("train", "test")}
        # as for chance: the answer is what the training samples tell, and it is scored on the test samples
        posterior, scored = (text_posterior(names["test"], shares[s], self.right_first) for s in ("train", "test"))
        limits = Limits(
            chance=chance_level(content["train"], content["test"]),
            image=MEASURED,
            text=float(scored.gather(1, posterior.argmax(1, keepdim=True)).mean()),
            both=MEASURED,
            product=MEASURED,
            text_posterior=posterior,
        )
        return TaskData(
            image=damaged,
            captions={split: describe(names[split], class_names) for split in names},
            label=content,
            content=content,
            names_class=False,
            limits=limits,
            writes_captions=True,
            flippable=True,
            undefined={"text_to_image": OPEN, "image_to_text": RANDOM},
        )

    def damage(self, image: Pictures, generator: torch.Generator) -> Pictures:
        """Damage images in chunks, to save memory: (N, C, H, H) uint8 -> the same."""
        return new_images(self.damaged_parts(image, generator), image)

    def damaged_parts(self, image: Pictures, generator: torch.Generator) -> Iterator[Tensor]:
        """Yield damaged images: (N, C, H, H) uint8 -> (n, C, H, H) uint8 each."""
        for start in range(0, len(image), CHUNK):
            yield self.damage_chunk(image[start : start + CHUNK], generator)

    def damage_chunk(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Blur images, add noise and cover a part: (N, C, H, H) uint8 -> the same."""
        size = image.shape[-1]
        sigma = self.blur * size
        values = image.float()
        if sigma > 0:
            width = 2 * min(size - 1, int(3 * sigma) + 1) + 1
            values = gaussian_blur(values, [width, width], [sigma, sigma])
        grains = min(size, GRAINS)
        noise = torch.randn(len(image), 1, grains, grains, generator=generator)
        values = values + 255 * self.noise * interpolate(noise, (size, size), mode="nearest")
        edge = (torch.arange(size) < round(self.covered * size)).expand(size, size)
        sides = torch.stack([edge, edge.flip(1), edge.T, edge.T.flip(0)])  # (4, H, H)
        side = torch.randint(len(sides), (len(image),), generator=generator)
        return values.masked_fill(sides[side][:, None], GREY).round().clamp(0, 255).byte()

    def name_classes(self, content: Tensor, classes: int, generator: torch.Generator) -> Tensor:
        """Draw which classes each caption names: (N,) -> (N, 2) int64; the same one twice, two, or none (-1, -1)."""
        other = (content + torch.randint(1, classes, content.shape, generator=generator)) % classes
        names = torch.stack([content, other], 1)
        swapped = torch.rand(len(content), generator=generator) >= self.right_first
        names = torch.where(swapped[:, None], names.flip(1), names)
        kind = torch.rand(len(content), 1, generator=generator)
        names = torch.where(kind < self.one_class, content[:, None], names)
        return torch.where(kind >= 1 - self.no_class, -1, names)


def describe(names: Tensor, class_names: list[str]) -> list[str]:
    """Return captions that name classes: (N, 2) from `NoisyTask.name_classes`.

    Example:
        >>> describe(torch.tensor([[0, 1], [1, 1], [-1, -1]]), ["cat", "owl"])
        ['a cat or an owl', 'an owl', 'something']
    """
    words = [with_article(name) for name in class_names]
    return [
        NOTHING if first < 0 else words[first] if first == second else f"{words[first]} or {words[second]}"
        for first, second in names.tolist()
    ]


def text_posterior(names: Tensor, prior: Tensor, right_first: float) -> Tensor:
    """Compute the probabilities of the classes given the captions; the wrong class of a pair is drawn uniformly.

    Args:
        names: (N, 2) from `NoisyTask.name_classes`.
        prior: (K,) float64, shares of the classes.
        right_first: share of the pairs whose first class is the right one.

    Returns:
        (N, K) float64, rows sum to 1.
    """
    order = torch.tensor([right_first, 1 - right_first], dtype=torch.float64)[:, None]
    likelihood = (order * (torch.arange(len(prior)) == names[:, :, None])).sum(1)  # 1 for a class named alone
    likelihood[names[:, 0] < 0] = 1
    return likelihood * prior / (likelihood * prior).sum(1, keepdim=True)
