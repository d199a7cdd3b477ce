"""What every measure is given, and what it returns."""

from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from multimodal.dataset.data import Data, Split
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.predict import Predictions, predict
from multimodal.evaluation.scores import Scores, share
from multimodal.judge.caption import CaptionJudge
from multimodal.judge.image import ImageJudge
from multimodal.model import MultimodalModel

NAMELESS = "these captions do not name the class"


@dataclass(frozen=True)
class AttentionMaps:
    """Attention maps of some test samples.

    Args:
        rows: (n,) int64, of the test split.
        weights: (n, T, h, w), for each token of a caption a map over the image that sums to 1.
    """

    rows: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Measured:
    """What a measure found.

    Args:
        scores: {name in `metrics.json`: value, or the reason why it is undefined}.
        samples: {column of `predictions.parquet`: (N, ...) tensor, or N texts}.
        baselines: {blind baseline: scores}.
        surface: rows of the availability surface.
        attention: where the words of some captions look.
    """

    scores: Scores = field(default_factory=dict)
    samples: dict[str, Tensor | list[str]] = field(default_factory=dict)
    baselines: dict[str, Scores] = field(default_factory=dict)
    surface: list[dict[str, float]] = field(default_factory=list)
    attention: AttentionMaps | None = None


@dataclass
class Context:
    """What is evaluated, and what several measures share: computed when the first one needs it, then kept.

    Args:
        model: in evaluation mode.
        data: the test split is evaluated, the judges learn from the training split.
        history: rows of the training; none for a bare checkpoint.
        fill: what stands for an absent modality on the availability surface.
        batch_size: samples at a time.
        seed: of the test masks, of draws and of ties.
        num_references: real images with the same caption that a drawing is compared with, at most.
        image_judge: not yet trained.
        clock: measures what is computed here under names of its own.
    """

    model: MultimodalModel
    data: Data
    history: list[dict[str, float]]
    fill: str
    batch_size: int
    seed: int
    num_references: int
    image_judge: ImageJudge
    clock: Clock

    @property
    def test(self) -> Split:
        """Return the split that is evaluated."""
        return self.data.splits["test"]

    @cached_property
    def predictions(self) -> Predictions:
        """Predict every test sample under every condition."""
        with self.clock("predictions"):
            return predict(self.model, self.test, self.batch_size)

    @cached_property
    def correct(self) -> dict[str, Tensor]:
        """Compare predictions and labels: {condition: (N,) bool}."""
        return {c: p.argmax(1) == self.test.label for c, p in self.predictions.probability.items()}

    @cached_property
    def caption_group(self) -> Tensor:
        """Number the test captions: (N,) int64, equal for equal captions."""
        return self.test.tokens.unique(dim=0, return_inverse=True)[1]

    @cached_property
    def trained_image_judge(self) -> ImageJudge:
        """Train the image judge, or read it from its cache."""
        with self.clock("image_judge"):
            return self.image_judge.fit(self.data.splits["train"], len(self.data.class_names), self.data.augment)

    @cached_property
    def judged_test_images(self) -> tuple[Tensor, Tensor]:
        """Compute the image judge's features (N, F) and classes (N,) of the real test images."""
        return self.trained_image_judge.features_and_classes(self.test.image.float() / 255)

    @cached_property
    def image_judge_accuracy(self) -> float:
        """Compute the image judge's accuracy on the real test images, the most that coherence can reach."""
        return share(self.judged_test_images[1] == self.test.content)

    @cached_property
    def trained_caption_judge(self) -> CaptionJudge:
        """Train the caption judge."""
        train = self.data.splits["train"]
        with self.clock("caption_judge"):
            return CaptionJudge().fit(train.tokens, train.content, len(self.data.vocabulary))

    @cached_property
    def caption_judge_accuracy(self) -> float | str:
        """Compute the caption judge's accuracy on the real test captions; undefined where they name no class."""
        if not self.data.names_class:
            return NAMELESS
        return share(self.trained_caption_judge.classify(self.test.tokens) == self.test.content)
