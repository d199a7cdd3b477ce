"""The image judge: a classifier trained only on real training images, which classifies generated images."""

import hashlib
import logging
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from multimodal.checks import check_number, check_whole
from multimodal.dataset.data import Split
from multimodal.dataset.preparing.augment import Augment
from multimodal.images import in_parts
from multimodal.io import whole
from multimodal.paths import expanded
from multimodal.torch_file import read_torch_file, weights_problem

log = logging.getLogger(__name__)

CPU = torch.device("cpu")
BLUR = (1, 1, 2, 3)  # factors by which a batch's resolution may be reduced, equally likely
LEAST = 14  # pixels: smaller digits are illegible
MIXED = 8  # largest number of images of a class to average into one


def judge_cnn(channels: int, num_classes: int) -> nn.Sequential:
    """Build a CNN: one convolution, three stages of two, global average pooling, a linear layer.

    The first convolution and every stage halve the resolution. Each image is normalised by itself, over all channels
    jointly: this removes brightness and contrast and keeps the hue.
    """
    widths = [channels, 32, 64, 128, 128]
    layers: list[nn.Module] = [nn.GroupNorm(1, channels, affine=False)]
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        layers += convolution(inputs, outputs, stride=2)
        if i > 0:
            layers += convolution(outputs, outputs, stride=1)
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, num_classes))
    return model.to(memory_format=torch.channels_last)  # a fifth faster on a CPU


def convolution(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    """Build a 3x3 convolution, BatchNorm and ReLU."""
    return [nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


class ImageJudge:
    """Classifies images; trained once per dataset and saved in a cache.

    Args:
        steps: optimizer steps.
        batch_size: samples per step.
        learning_rate: peak of a one-cycle schedule (Smith & Topin 2018, https://arxiv.org/abs/1708.07120).
        cache: folder that stores trained judges.
    """

    model: nn.Sequential  # set by `fit`
    device: torch.device  # of the model, set by `fit`

    def __init__(self, steps: int, batch_size: int, learning_rate: float, cache: str) -> None:
        check_whole("evaluation.image_judge", steps=steps, batch_size=batch_size)
        check_number("evaluation.image_judge", above=0, learning_rate=learning_rate)
        self.steps, self.batch_size, self.learning_rate = steps, batch_size, learning_rate
        self.cache = expanded(cache)

    def fit(
        self,
        train: Split,
        num_classes: int,
        augment: Augment,
        soften: bool = True,
        device: torch.device = CPU,
    ) -> "ImageJudge":
        """Train on the classes (`content`) of the images, or load a judge trained on the same data; return it.

        Args:
            train: the training split.
            num_classes: K.
            augment: augmentation of the images.
            soften: whether many images are blurred and averaged, as a judge of generated images needs it; the best
                classifier of the data's own images is trained without.
            device: the judge is trained there, and stays there.

        Raises:
            FloatingPointError: the training diverged; nothing is kept.
        """
        settings = f"{self.steps} {self.batch_size} {self.learning_rate} {tuple(train.image.shape)} {vars(augment)}"
        settings += f" {num_classes} {soften}"
        key = hashlib.sha256(settings.encode() + Path(__file__).read_bytes())  # other code, another judge
        for part in in_parts(train.image):
            key.update(part.numpy().data)
        key.update(train.content.numpy().data)  # captions do not matter
        path = self.cache / f"judge-{key.hexdigest()[:16]}.pt"
        self.device = device
        with torch.random.fork_rng(devices=[] if device == CPU else [device], device_type=device.type):
            torch.manual_seed(0)  # one judge for every run on the same data
            self.model = judge_cnn(train.image.shape[1], num_classes)
            if not (path.exists() and self.load(path)):
                self.model.to(device)
                self.learn(train, augment, soften)
                self.model.cpu()
                self.save(path)
        self.model.to(device).eval()
        return self

    def load(self, path: Path) -> bool:
        """Load a trained judge; return whether its file was whole, and warn if not."""
        try:
            weights = read_torch_file(path, legacy=False)
            problem = weights_problem(weights, self.model.state_dict())
        except ValueError as error:
            problem = str(error)
        if problem is None:
            self.model.load_state_dict(weights)
        else:
            log.warning("the image judge in %s is trained anew and replaced: %s", path, problem)
        return problem is None

    def save(self, path: Path) -> None:
        """Save the trained judge; warn where the cache cannot be written.

        Raises:
            FloatingPointError: its weights are not finite.
        """
        if not all(value.isfinite().all() for value in self.model.state_dict().values()):
            raise FloatingPointError(
                f"the image judge diverged: its weights are not finite after {self.steps} steps; "
                f"lower evaluation.image_judge.learning_rate, now {self.learning_rate:g}"
            )
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            with whole(path) as temporary:
                torch.save(self.model.state_dict(), temporary)
        except (OSError, RuntimeError) as error:  # PyTorch's zip writer raises RuntimeError on a full disk
            log.warning("the image judge is not kept for other runs: %s cannot be written (%s)", path, error)

    def learn(self, train: Split, augment: Augment, soften: bool) -> None:
        """Minimise cross-entropy on augmented images, shifted by up to two pixels and, if softened, often blurred.

        If softened, with probability one half, the images of a batch are replaced by averages over their class.
        Generated images are soft, and show an average of what the caption leaves open. A judge trained on sharp
        photographs only takes that softness for a class: it classified generated dogs as cats, and was right on 0.81
        of the images of a half-trained model, but on 0.95 of the photographs.
        """
        log.info("training the image judge for %d steps, once for these images", self.steps)
        optimizer = torch.optim.AdamW(self.model.parameters(), self.learning_rate, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.learning_rate, self.steps)
        for _ in tqdm(range(self.steps), desc="training the judge", unit="step", mininterval=1.0, disable=None):
            rows = torch.randint(len(train), (min(self.batch_size, len(train)),))
            batch = train.batch(rows, self.device)
            image = augment(batch.image, augment.draw(len(rows), torch.default_generator))
            if soften and torch.rand(()) < 0.5:
                image = averaged(image, batch.content, int(torch.randint(2, MIXED + 1, ())))
            dy, dx = torch.randint(-2, 3, (2,)).tolist()
            factor = min(BLUR[int(torch.randint(len(BLUR), ()))], max(1, batch.image.shape[-1] // LEAST))
            image = image.roll((dy, dx), (2, 3))
            image = blurred(image, factor) if soften else image
            loss = nn.functional.cross_entropy(self.model(image), batch.content)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    @torch.no_grad()
    def features_and_classes(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the features before the last layer and the classes: (N, C, H, W) in [0, 1] -> (N, F), (N,).

        The images may be on any device; the results are on the CPU.
        """
        body, head = self.model[:-1], self.model[-1]
        features = torch.cat([body(part.to(self.device)) for part in image.split(256)])
        return features.cpu(), head(features).argmax(1).cpu()

    def classify(self, image: Tensor) -> Tensor:
        """Predict classes: (N, C, H, W) in [0, 1] -> (N,)."""
        return self.features_and_classes(image)[1]


def blurred(image: Tensor, factor: int) -> Tensor:
    """Blur images (B, C, H, W): reduce the resolution to 1/factor, then resize to the original size."""
    size = image.shape[-1]
    small = nn.functional.interpolate(image, size // factor, mode="bilinear", antialias=True)
    return nn.functional.interpolate(small, size, mode="bilinear")


def averaged(image: Tensor, content: Tensor, count: int) -> Tensor:
    """Average each image with random others of its class, with random weights.

    Args:
        image: (B, C, H, W).
        content: (B,) int64, the classes.
        count: number of images in each average; one image may be drawn several times.

    Returns:
        (B, C, H, W).
    """
    same = (content[:, None] == content).float()
    others = same.multinomial(count - 1, replacement=True)
    rows = torch.cat([torch.arange(len(image), device=image.device)[:, None], others], dim=1)  # (B, count)
    weights = torch.rand(rows.shape, device=image.device)
    weights = weights / weights.sum(1, keepdim=True)
    return torch.einsum("bn,bnchw->bchw", weights, image[rows])
