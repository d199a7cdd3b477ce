"""Measure: scores to compare the model's with: of blind baselines, and of real images.

A blind baseline sees neither image nor caption; skill is computed relative to the best of them. Those that know the
class, and real images, are listed beside them: a real image with the same caption shows what a perfect drawing scores
that is not the sample's own image, and two halves of the real images show which distance means none.
"""

import torch
from torch import Tensor

from multimodal.evaluation.captions import score_captions
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.image_rows import Joined, Repeated
from multimodal.evaluation.images import FEW, score_images, score_with_references
from multimodal.evaluation.scores import Scores, defined, prefixed
from multimodal.images import ImageRows
from multimodal.metric.blind import blind_captions, class_captions, class_images, mean_image
from multimodal.metric.catalogue import CATALOGUE
from multimodal.metric.kid import halves, kid
from multimodal.metric.references import another_image
from multimodal.task.process import chance_level
from multimodal.types import PAD

# metrics of a model that always predicts the most frequent training label
CLASSIFICATION = ("accuracy/both", "accuracy/image", "accuracy/text", "availability/mean", "availability/worst")
LEAST_SHARE = 0.5  # of the test samples whose caption another image has; fewer do not stand for the split


class Baselines:
    """Computes the generation metrics of the input-free baselines, of those that know the class, and of real images."""

    def __call__(self, context: Context) -> Measured:
        """Return a row of scores for each, and the share of samples whose caption another real image has.

        What the model has no head for is not compared: then that share and the skills are undefined.
        """
        frequent = chance_level(context.data.splits["train"].label, context.test.label)
        rows: dict[str, Scores] = {"frequent_label": dict.fromkeys(CLASSIFICATION, frequent)}
        scores: Scores = {}
        if why := context.lacks("text"):
            scores |= undefined_skills("image_to_text", why)
        else:
            rows |= caption_rows(context)
        if why := context.lacks("image"):
            scores |= undefined_skills("text_to_image", why) | {"data/same_caption": why}
        else:
            rows |= image_rows(context)
            scores["data/same_caption"], rows["same_caption_image"] = same_caption(context)
            # some are themselves test images, in another row: they would be too near; `real_halves` is the floor
            rows["same_caption_image"].pop("text_to_image/kid", None)
            rows["real_halves"] = real_halves(context)
        return Measured(scores, baselines=rows)


def undefined_skills(direction: str, why: str) -> Scores:
    """Return {skill of a metric of this direction of generation: why it is undefined}."""
    specs = (spec for spec in CATALOGUE if spec.skill and spec.name.startswith(f"{direction}/"))
    return {f"{spec.name}_skill": why for spec in specs}


def caption_rows(context: Context) -> dict[str, Scores]:
    """Score the captions of the input-free baselines, and the most frequent caption of each class."""
    train, test = context.data.splits["train"], context.test
    captions = blind_captions(train.tokens, len(test), context.seed)
    captions["class_caption"] = class_captions(train.tokens, train.content, test.content)
    return {name: prefixed("image_to_text", score_captions(c, context).scores) for name, c in captions.items()}


def image_rows(context: Context) -> dict[str, Scores]:
    """Score the mean training image, and that of each class."""
    train, test = context.data.splits["train"], context.test
    mean = mean_image(train.image, torch.arange(len(train)))
    images: dict[str, ImageRows] = {
        "mean_image": mean.expand(len(test), -1, -1, -1),
        "class_image": Repeated(*class_images(train.image, train.content, test.content)),
    }
    return {name: prefixed("text_to_image", score_with_references(i, context).scores) for name, i in images.items()}


def real_halves(context: Context) -> Scores:
    """Compute the kernel distance of two halves of the real test images, which means none."""
    first, second = halves(context.judged_test_images[0], context.seed)
    distance = defined(kid(first, second, context.seed), FEW)
    return {"text_to_image/kid": distance, "reconstruction/kid": distance}


def same_caption(context: Context) -> tuple[float | str, Scores]:
    """Score for each test sample another real image with the same caption, of the training or the test split.

    Returns:
        The share of samples for which there is one, and the scores of these; if they are fewer than LEAST_SHARE, the
        reason for both.
    """
    train, test = context.data.splits["train"], context.test
    width = max(train.tokens.shape[1], test.tokens.shape[1])
    tokens = torch.cat([padded(part.tokens, width) for part in (test, train)])
    image = torch.cat([context.image_group, len(test) + torch.arange(len(train))])  # no image is in both splits
    other = another_image(tokens.unique(dim=0, return_inverse=True)[1], image, context.seed)[: len(test)]
    rows = (other >= 0).nonzero().flatten()
    if len(rows) < LEAST_SHARE * len(test):
        reason = f"only {len(rows)} of {len(test)} test samples have a caption that another real image has, too"
        return reason, {"text_to_image/ssim": reason}
    scores = score_images(Repeated(Joined((test.image, train.image)), other), rows, context).scores
    return len(rows) / len(test), prefixed("text_to_image", scores)


def padded(tokens: Tensor, width: int) -> Tensor:
    """Pad captions (N, T) to `width` tokens."""
    return torch.nn.functional.pad(tokens, (0, width - tokens.shape[1]), value=PAD)
