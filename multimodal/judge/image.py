"""The image judge: a classifier of real training images alone, which says what a generated image shows."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from multimodal.dataset.augment import Augment
from multimodal.dataset.data import Split
from multimodal.training.checkpoint import save_checkpoint

BLUR = (1, 1, 2, 3)  # of a batch's resolution, drawn evenly
LEAST = 14  # pixels: digits of fewer cannot be told


def network(channels: int, image_size: int, num_classes: int) -> nn.Sequential:
    """Four convolutions with BatchNorm and a global mean; above 32 pixels the first one strides as well."""
    widths = [channels, 32, 64, 128, 128]
    strides = [1 if image_size <= 32 else 2, 2, 2, 2]
    layers = []
    for i, stride in enumerate(strides):
        layers += [nn.Conv2d(widths[i], widths[i + 1], 3, stride=stride, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(widths[i + 1]), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, num_classes))


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
        """Cross-entropy on augmented images, rolled by up to two pixels, half of the batches blurred.

        Generated images are soft. A judge that never saw a soft image calls the class of a drawing by its
        sharpness: on drawn animals whose species a person tells at once it was right no more often than 0.66.
        """
        optimizer = torch.optim.AdamW(self.model.parameters(), self.learning_rate, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.learning_rate, self.steps)
        for _ in tqdm(range(self.steps), desc="training the judge", unit="step", mininterval=1.0):
            rows = torch.randint(len(train), (self.batch_size,))
            batch = train.batch(rows)
            moved = augment(batch.image, augment.draw(len(rows), torch.default_generator))
            dy, dx = torch.randint(-2, 3, (2,)).tolist()
            factor = min(BLUR[int(torch.randint(len(BLUR), ()))], max(1, batch.image.shape[-1] // LEAST))
            image = blurred(moved.roll((dy, dx), (2, 3)), factor)
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
