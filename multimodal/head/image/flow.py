"""Image head: rectified flow on pixels, which draws from noise instead of predicting the mean of all fitting images.

After Liu et al. 2022, Flow Straight and Fast, https://arxiv.org/abs/2209.03003, and Lipman et al. 2023, Flow Matching
for Generative Modeling, https://arxiv.org/abs/2210.02747. On the straight line from noise to an image, x_t = (1 - t)
noise + t image, a network learns the velocity, image - noise, from x_t, t and z; drawing follows the velocity from
noise at t = 0 to an image at t = 1 in a few steps. The network is a small U-Net (Ronneberger et al. 2015,
https://arxiv.org/abs/1505.04597) whose normalised maps are scaled and shifted by z and t (as in Dhariwal & Nichol 2021,
https://arxiv.org/abs/2105.05233).
Differs: no reflow; no attention; skip connections are added, not concatenated; the first and the last layer fold and
unfold patches of pixels, because most of the time would go into maps of full resolution. The network learns what is
left of the velocity after its best linear prediction (the preconditioning of Karras et al. 2022,
https://arxiv.org/abs/2206.00364) for images that vary around a coarse one, linear in z: so colours and layout are
learned within few steps, as by `upconv`.
"""

import math
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.convnext import LayerNorm2d

from multimodal.checks import check_multiple, check_one_of, check_whole

SOLVERS = ("euler", "midpoint")
SPREAD = 0.3  # standard deviation of an image's pixels, in [-1, 1], around the coarse image; 0.2 and 0.5 learn slower
FREQUENCIES, FASTEST = 32, 1000.0  # sines of the time, and the angle of the fastest one at t = 1, in radians
MOST_STEPS = 1000
GOLDEN = (math.sqrt(5) - 1) / 2  # its multiples, modulo 1, fill the unit interval evenly


def numbered_noise(numbers: list[int], draw: int, shape: tuple[int, ...]) -> Tensor:
    """Draw standard normal noise for each sample from a generator of its own, so that the batch does not matter.

    Args:
        numbers: of the B samples, 0 or more.
        draw: which of many draws for each sample, 0 or more.
        shape: of the noise for one sample.

    Returns:
        (B, *shape) float32.

    Example:
        >>> several, one = (numbered_noise(numbers, 2, (3,)) for numbers in ([4, 7], [7]))
        >>> torch.equal(several[1:], one)
        True
    """
    generators = [np.random.Generator(np.random.Philox(key=[number, draw])) for number in numbers]
    return torch.from_numpy(np.stack([generator.standard_normal(shape, np.float32) for generator in generators]))


def resolutions(image_size: int) -> list[int]:
    """Choose the sides of the maps in pixels: the first is half of `image_size`, or less while above 16 and even.

    Each further one is half of it, while it is even and above 8.

    Example:
        >>> resolutions(28), resolutions(64), resolutions(20)
        ([14, 7], [16, 8], [10, 5])
    """
    sides = [image_size // 2]
    while sides[-1] % 2 == 0 and sides[-1] > 8:
        sides.append(sides[-1] // 2)
    first = next((i for i, side in enumerate(sides) if side <= 16), len(sides) - 1)
    return sides[first:]


def waves(time: Tensor) -> Tensor:
    """Compute sine and cosine of (B,) times in [0, 1] at FREQUENCIES frequencies: -> (B, 2 FREQUENCIES)."""
    slowing = torch.arange(FREQUENCIES, device=time.device) / FREQUENCIES
    angle = FASTEST ** (1 - slowing) * time.float()[:, None]
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def evenly_spread(number: Tensor) -> Tensor:
    """Return a time in [0, 1) for each number (B,), such that those of 0, 1, 2, … fill it evenly."""
    return (number.cpu().double() * GOLDEN % 1).float().to(number.device)  # float32 would round large numbers


class ResidualBlock(nn.Module):
    """Two convolutions beside the identity, of normalised maps that are scaled and shifted by a condition.

    Args:
        width: channels of the maps.
        condition: width of the condition.
    """

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.norm = LayerNorm2d(width, elementwise_affine=False)
        self.modulate = nn.Linear(condition, 2 * width)
        self.convolve = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Compute: maps (B, width, H, W), condition (B, condition) -> (B, width, H, W)."""
        scale, shift = self.modulate(condition)[..., None, None].chunk(2, dim=1)
        return x + self.convolve(self.norm(x) * (1 + scale) + shift)


class Flow(nn.Module):
    """Generates images from the joint representation and noise; it learns by a loss of its own.

    Args:
        dim: shared width D.
        channels: C of the images.
        image_size: H = W, pixels, a multiple of 4.
        width: channels of a map of half the image's resolution, doubled at each coarser one.
        steps: steps from noise to image.
        solver: `euler`, or `midpoint`, which evaluates the velocity twice a step.

    Raises:
        ValueError: a size is not such a multiple or not a whole number of 1 or more, or the solver is unknown.
    """

    def __init__(self, dim: int, channels: int, image_size: int, width: int, steps: int, solver: str) -> None:
        super().__init__()
        check_multiple("dataset", 4, "the image head halves its maps", image_size=image_size)
        check_whole("head.image", width=width)
        check_whole("head.image", most=MOST_STEPS, steps=steps)
        check_one_of("head.image", SOLVERS, solver=solver)
        self.steps, self.solver = steps, solver
        self.shape = (channels, image_size, image_size)
        self.register_buffer("first_noise", numbered_noise([0], 0, self.shape), persistent=False)
        sides, condition = resolutions(image_size), 4 * width
        first, last, patch = sides[0], sides[-1], image_size // sides[0]
        widths = [width * (image_size // side) // 2 for side in sides]
        self.coarse = nn.Sequential(nn.Linear(dim, channels * first**2), nn.Unflatten(1, (channels, first, first)))
        self.enlarge = nn.Upsample(image_size, mode="bilinear")
        self.read_z = nn.Linear(dim, condition)
        self.read_time = nn.Sequential(
            nn.Linear(2 * FREQUENCIES, condition), nn.SiLU(), nn.Linear(condition, condition)
        )
        self.layout = nn.Sequential(nn.Linear(dim, widths[-1] * last**2), nn.Unflatten(1, (widths[-1], last, last)))
        self.fold = nn.PixelUnshuffle(patch)
        self.start = nn.Conv2d((patch**2 + 1) * channels, widths[0], 3, padding=1)
        self.down = nn.ModuleList(ResidualBlock(wide, condition) for wide in widths[:-1])
        self.coarser = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths))
        self.middle = ResidualBlock(widths[-1], condition)
        self.finer = nn.ModuleList(
            nn.Sequential(nn.Conv2d(b, 4 * a, 1), nn.PixelShuffle(2)) for a, b in pairwise(widths)
        )
        self.up = nn.ModuleList(ResidualBlock(wide, condition) for wide in widths[:-1])
        self.to_pixels = nn.Sequential(
            LayerNorm2d(widths[0]),
            nn.SiLU(),
            nn.Conv2d(widths[0], patch**2 * channels, 3, padding=1),
            nn.PixelShuffle(patch),
        )
        self.to(memory_format=torch.channels_last)  # faster on a CPU

    def velocity(self, x: Tensor, time: Tensor, z: Tensor) -> Tensor:
        """Predict the velocity at (B, C, H, W) noisy images, (B,) times in [0, 1], given z (B, D): -> (B, C, H, W)."""
        t, coarse = time.to(z.dtype)[:, None, None, None], self.coarse(z)
        mean = self.enlarge(coarse)
        apart, variance = x - t * mean, (t * SPREAD).square() + (1 - t).square()  # of a noisy image around t * mean
        likely = mean + (t * SPREAD**2 - (1 - t)) / variance * apart  # the best linear prediction
        seen = torch.cat([self.fold(apart / variance.sqrt()), coarse], dim=1)
        left = self.network(seen.contiguous(memory_format=torch.channels_last), time, z)
        return likely + SPREAD / variance.sqrt() * left

    def network(self, x: Tensor, time: Tensor, z: Tensor) -> Tensor:
        """Apply the U-Net: folded images with the coarse one, times (B,), z (B, D) -> (B, C, H, W)."""
        condition = nn.functional.silu(self.read_z(z) + self.read_time(waves(time).to(z.dtype)))
        x, skipped = self.start(x), []
        for block, coarser in zip(self.down, self.coarser, strict=True):
            x = block(x, condition)
            skipped.append(x)
            x = coarser(x)
        x = self.middle(x + self.layout(z), condition)
        for block, finer in zip(reversed(self.up), reversed(self.finer), strict=True):
            x = block(skipped.pop() + finer(x), condition)
        return self.to_pixels(x)

    def losses(self, z: Tensor, image: Tensor, number: Tensor) -> dict[str, Tensor]:
        """Compute the mean squared error of the velocity at one time for each sample.

        In training noise and time are random. In evaluation they follow from the sample's number, so that the losses of
        several validations compare.

        Args:
            z: (B, D).
            image: (B, C, H, W) in [0, 1], to be learned.
            number: (B,) int64, the samples' numbers, 0 or more.

        Returns:
            {"flow": scalar}.
        """
        image = 2 * image - 1
        if self.training:
            noise, time = torch.randn_like(image), torch.rand(len(image), device=image.device)
        else:
            noise, time = self.noise(number, 0).to(image.dtype), evenly_spread(number)
        t = time.to(image.dtype)[:, None, None, None]
        error = self.velocity(noise.lerp(image, t), time, z).float() - (image - noise)
        return {"flow": error.square().mean()}

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # NumPy's generators are in no graph
    def noise(self, number: Tensor, draw: int) -> Tensor:
        """Return what drawing begins with, by the samples' numbers: (B,) int64, which draw -> (B, C, H, W)."""
        return numbered_noise(number.tolist(), draw, self.shape).to(number.device)

    def forward(self, z: Tensor, noise: Tensor | None) -> Tensor:
        """Draw images: z (B, D), noise (B or 1, C, H, W), None for that of number 0 -> (B, C, H, W) in [0, 1]."""
        noise = cast(Tensor, self.first_noise) if noise is None else noise
        x, step = noise.to(z.dtype).expand(z.shape[0], -1, -1, -1), 1 / self.steps
        for i in range(self.steps):
            time = torch.full((len(z),), i * step, device=z.device)  # float32, as in training
            speed = self.velocity(x, time, z)
            if self.solver == "midpoint":
                speed = self.velocity(x + step / 2 * speed, time + step / 2, z)
            x = x + step * speed
        return (x / 2 + 0.5).clamp(0, 1)
