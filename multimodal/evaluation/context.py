"""Input and output of the measures: each gets a `Context` and returns a `Measured`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from multimodal.dataset.data import Data, Split
from multimodal.dataset.near_duplicates import equal_images
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.fill import predict_filled
from multimodal.evaluation.predict import Predictions, predict
from multimodal.evaluation.scores import Scores, share
from multimodal.images import images_at_once
from multimodal.judge.attributes import AttributeJudge
from multimodal.judge.caption import CaptionJudge
from multimodal.judge.image import ImageJudge
from multimodal.model import MultimodalModel

NAMELESS = "these captions do not name the class"
UNREAD = "no grammar reads the captions of this dataset"
UNSTATED = "no test caption states an attribute beside its class that the dataset's grammar reads"
UNMEASURED = "no rule measures the attributes of this dataset's images"
LEAST_AGREEMENT = 0.95  # of a rule with the captions of real images: below it, the captions mean something else


@dataclass(frozen=True)
class AttentionMaps:
    """Holds the attention maps of some test samples.

    Args:
        rows: (n,) int64, the samples' rows in the test split.
        weights: (n, T, h, w), a map over the image for each caption token; each map sums to 1.
        words: n lists of what the tokens are, if they are a pretrained tokenizer's; None if the vocabulary's words.
    """

    rows: Tensor
    weights: Tensor
    words: list[list[str]] | None = None


@dataclass(frozen=True)
class Measured:
    """Holds the results of a measure.

    Args:
        scores: {name in `metrics.json`: value, or the reason why it is undefined}.
        samples: {column of `predictions.parquet`: (N, ...) tensor, or N texts}.
        baselines: {blind baseline: scores}.
        surface: rows of the availability surface.
        attention: attention maps of some samples, or None.
    """

    scores: Mapping[str, float | str] = field(default_factory=dict)
    samples: Mapping[str, Tensor | Sequence[str]] = field(default_factory=dict)
    baselines: dict[str, Scores] = field(default_factory=dict)
    surface: list[dict[str, float]] = field(default_factory=list)
    attention: AttentionMaps | None = None


@dataclass
class Context:
    """Holds the model and the data to evaluate, and caches what several measures share.

    Args:
        model: the model, in evaluation mode.
        data: the test split is evaluated; the judges are trained on the training split.
        history: rows of the training history; empty for a checkpoint without one.
        fill: how a missing modality is filled on the availability surface.
        batch_size: samples per batch.
        seed: seed of the test masks, of sampling and of tie-breaking.
        num_references: largest number of real images with the same caption to compare a generated image with.
        image_judge: the image judge, before training.
        clock: measures the time of what is computed here.
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

    @property
    def device(self) -> torch.device:
        """Return where judge, SSIM, kernel distance and retrieval are computed: on the model's GPU, else on the CPU.

        Other accelerators lack float64.
        """
        own = next(self.model.parameters()).device
        return own if own.type == "cuda" else torch.device("cpu")

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
    def filled_correct(self) -> dict[str, Tensor]:
        """Compare with the labels the predictions from one modality and what is generated from it in the other's place.

        Returns:
            {condition: (N,) bool} for `image` (generated caption) and `text` (generated image).
        """
        predictions = self.predictions
        with self.clock("fill"):
            filled = predict_filled(self.model, self.test, predictions, self.data.vocabulary, self.batch_size)
        return {c: p.argmax(1) == self.test.label for c, p in filled.items()}

    @cached_property
    def caption_group(self) -> Tensor:
        """Return (N,) int64 numbers of the test captions, equal for equal captions."""
        return self.test.tokens.unique(dim=0, return_inverse=True)[1]

    @cached_property
    def image_group(self) -> Tensor:
        """Return (N,) int64 numbers of the test images in order of first occurrence, equal for equal images."""
        return torch.from_numpy(equal_images(self.test.image))

    @cached_property
    def trained_image_judge(self) -> ImageJudge:
        """Train the image judge, or read it from its cache."""
        with self.clock("image_judge"):
            train, classes = self.data.splits["train"], len(self.data.class_names)
            return self.image_judge.fit(train, classes, self.data.augment, device=self.device)

    @cached_property
    def judged_test_images(self) -> tuple[Tensor, Tensor]:
        """Compute the image judge's features (N, F) and classes (N,) of the real test images."""
        judge = self.trained_image_judge
        with self.clock("image_judge"):
            features, classes = zip(*(judge.features_and_classes(x) for x in self.test.pixels()), strict=True)
            return torch.cat(features), torch.cat(classes)

    @cached_property
    def image_judge_accuracy(self) -> float:
        """Compute the image judge's accuracy on the real test images, the upper bound of class coherence."""
        return share(self.judged_test_images[1] == self.test.content)

    @cached_property
    def trained_caption_judge(self) -> CaptionJudge:
        """Train the caption judge."""
        train = self.data.splits["train"]
        with self.clock("caption_judge"):
            return CaptionJudge().fit(train.tokens, train.content, len(self.data.vocabulary))

    @cached_property
    def caption_judge_accuracy(self) -> float | str:
        """Compute the caption judge's accuracy on the real test captions; undefined if they name no class."""
        if not self.data.names_class:
            return NAMELESS
        return share(self.trained_caption_judge.classify(self.test.tokens) == self.test.content)

    @cached_property
    def attribute_judge(self) -> AttributeJudge | str:
        """Return the rule that judges the attributes of images, or the reason why none does."""
        audited = self.audited_attribute_judge
        return audited if isinstance(audited, str) else audited[0]

    @cached_property
    def attribute_judge_accuracy(self) -> float | str:
        """Return the attribute judge's accuracy on the real test images, or the reason why there is none."""
        audited = self.audited_attribute_judge
        return audited if isinstance(audited, str) else audited[1]

    @cached_property
    def audited_attribute_judge(self) -> tuple[AttributeJudge, float] | str:
        """Return the rule that judges attributes of images and its accuracy on the real test images, or a reason."""
        data, test = self.data, self.test
        if data.grammar is None:
            return UNREAD
        if data.image_attributes is None:
            return UNMEASURED
        with self.clock("attribute_judge"):
            stated = [data.grammar(caption) for caption in data.vocabulary.decode(test.tokens)]
            names = [data.class_names[k] for k in test.content.tolist()]
            judge = AttributeJudge(data.image_attributes, stated, names, test.image)
            if not any(judge.stated):
                return "no test caption states an attribute that the rule measures on its image"
            parts = torch.arange(len(test)).split(images_at_once(test.image))
            agreement = float(torch.cat([judge.judge(test.image[rows], rows) for rows in parts]).nanmean())
        if agreement < LEAST_AGREEMENT:
            return f"the rule that measures attributes finds only {agreement:.2f} of them on the real test images"
        return judge, agreement
