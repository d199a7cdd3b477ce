"""The image judge: a classifier of real training images alone, which says what a generated image shows."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.augment import Augment
from multimodal.training.checkpoint_file import save_checkpoint

BLUR = (1, 1, 2, 3)  # of a batch's resolution, drawn evenly
LEAST = 14  # pixels: digits of fewer cannot be told
MIXED = 8  # images of a class averaged into one, at most


def network(channels: int, image_size: int, num_classes: int) -> nn.Sequential:
    """One convolution, then three stages of two, and a global mean; above 32 pixels the first one strides as well.

    Each image is normalised by itself, over all channels: dark and pale pictures look alike, a tint stays.
    """
    widths = [channels, 32, 64, 128, 128]
    strides = [1 if image_size <= 32 else 2, 2, 2, 2]
    layers: list[nn.Module] = [nn.GroupNorm(1, channels, affine=False)]
    for i, stride in enumerate(strides):
        layers += convolution(widths[i], widths[i + 1], stride)
        if i > 0:
            layers += convolution(widths[i + 1], widths[i + 1], stride=1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, num_classes))


def convolution(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    """3x3, BatchNorm, ReLU."""
    return [nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


class ImageJudge:
    """Classifies images; trained once for a dataset and kept in a cache.

    Args:
        steps: optimizer steps.
        batch_size: samples a step.
        learning_rate: peak of a one-cycle schedule (Smith & Topin 2018, https://arxiv.org/abs/1708.07120).
        cache: folder for trained judges.
    """

    def __init__(self, steps: int, batch_size: int, learning_rate: float, cache: str) -> None:
        if min(steps, batch_size, learning_rate) <= 0:
            raise ValueError(f"image_judge needs numbers above 0, got {steps} steps of {batch_size} at {learning_rate}")
        self.steps, self.batch_size, self.learning_rate = steps, batch_size, learning_rate
        self.cache = Path(cache).expanduser()
        self.model: nn.Module | None = None

    def fit(self, train: Split, num_classes: int, augment: Augment) -> "ImageJudge":
        """Learns `content` of the training images, or reads the judge that did."""
        settings = f"{self.steps} {self.batch_size} {self.learning_rate} {tuple(train.image.shape)} {vars(augment)}"
        settings += f" {num_classes}"
        key = hashlib.sha256(settings.encode() + Path(__file__).read_bytes())  # other code, another judge
        key.update(train.image.numpy())
        key.update(train.content.numpy())  # captions and their mode do not matter
        path = self.cache / f"judge-{key.hexdigest()[:16]}.pt"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # one judge for every run on the same data
            self.model = network(*train.image.shape[1:3], num_classes)
            if path.exists():
                self.model.load_state_dict(torch.load(path, weights_only=True))
            else:
                self.learn(train, augment)
                self.cache.mkdir(parents=True, exist_ok=True)
                save_checkpoint(self.model.state_dict(), path)
        self.model.eval()
        return self

    def learn(self, train: Split, augment: Augment) -> None:
        """Cross-entropy on augmented images, rolled by up to two pixels, blurred in half of the batches.

        In another half, drawn by itself, they are averages within their class, as far as the batch has more of it:
        generated images are soft, and what a caption leaves open they show as an average. A judge that knows
        photographs alone takes that softness for a class: it called the drawings of dogs cats, which no person
        would, and was right on 0.81 of the drawings of a half-trained model and on 0.95 of the photographs.
        """
        optimizer = torch.optim.AdamW(self.model.parameters(), self.learning_rate, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.learning_rate, self.steps)
        for _ in tqdm(range(self.steps), desc="training the judge", unit="step", mininterval=1.0):
            rows = torch.randint(len(train), (self.batch_size,))
            batch = train.batch(rows)
            image = augment(batch.image, augment.draw(len(rows), torch.default_generator))
            if torch.rand(()) < 0.5:
                image = averaged(image, batch.content, int(torch.randint(2, MIXED + 1, ())))
            dy, dx = torch.randint(-2, 3, (2,)).tolist()
            factor = min(BLUR[int(torch.randint(len(BLUR), ()))], max(1, batch.image.shape[-1] // LEAST))
            image = blurred(image.roll((dy, dx), (2, 3)), factor)
            loss = nn.functional.cross_entropy(self.model(image), batch.content)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    @torch.no_grad()
    def look(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) in [0, 1] -> (N, F) features before the last layer, (N,) classes."""
        body, head = self.model[:-1], self.model[-1]
        features = torch.cat([body(part) for part in image.split(256)])
        return features, head(features).argmax(1)

    def classify(self, image: Tensor) -> Tensor:
        """(N, C, H, W) in [0, 1] -> (N,) classes."""
        return self.look(image)[1]


def blurred(image: Tensor, factor: int) -> Tensor:
    """(B, C, H, W) at 1/factor of its resolution, brought back to its size."""
    size = image.shape[-1]
    small = nn.functional.interpolate(image, size // factor, mode="bilinear", antialias=True)
    return nn.functional.interpolate(small, size, mode="bilinear")


def averaged(image: Tensor, content: Tensor, count: int) -> Tensor:
    """(B, C, H, W), (B,) -> each image averaged, at random weights, with `count` - 1 draws of its class."""
    same = (content[:, None] == content).float()
    others = same.multinomial(count - 1, replacement=True)
    rows = torch.cat([torch.arange(len(image))[:, None], others], dim=1)  # (B, count)
    weights = torch.rand(rows.shape)
    weights = weights / weights.sum(1, keepdim=True)
    return torch.einsum("bn,bnchw->bchw", weights, image[rows])
