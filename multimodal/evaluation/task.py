"""Measure: what the task allows, and how far the model comes on the way from the best control to the ceiling."""

import logging
import math
from copy import copy
from dataclasses import replace

import torch
from torch import Tensor

from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.product import product
from multimodal.evaluation.scores import Scores, prefixed, share
from multimodal.types import Limits

log = logging.getLogger(__name__)

LEAST_ROOM = 0.05  # between the best control and the ceiling: a share of less says more about chance than about fusing
NOISE = 2  # standard errors over the test samples by which a model may come out above a ceiling


class TaskLimits:
    """Reports chance, ceilings and fusion gain; limits that the task cannot compute are measured by an oracle."""

    def __call__(self, context: Context) -> Measured:
        """Return the scores under `task`, `fusion/gain` and its standard error over the test samples.

        `task/ceiling_measured` is 1 where the ceiling is an oracle's accuracy, a lower bound of the true ceiling, and
        0 where it is computed. `task/product_ceiling` is what the product of ideal single-modality answers reaches.
        `task/room` is the way from the best control's limit to the ceiling, the unit of the gain.
        """
        limits, hits = measured_limits(context), context.correct["both"]
        measured = limits.text_posterior is not None
        if measured:
            warn_above_oracle(hits, float(limits.both))
        scores = prefixed("task", limits.named()) | {"task/ceiling_measured": float(measured)}
        return Measured(scores | fusion_gain(hits, limits))


def measured_limits(context: Context) -> Limits:
    """Return the task's limits; of independently damaged modalities those of an oracle.

    The oracle multiplies the known probabilities given the caption with those of a classifier that is trained on the
    training images, damaged as they are. It is a good reader, not a perfect one: its accuracy is a lower
    bound of the ceiling, and a model may do better. An oracle that is worse than the best answer from one modality
    counts as that one.
    """
    limits = context.data.limits
    if limits.text_posterior is None:
        return limits
    train, test = context.data.splits["train"], context.test
    image = image_posterior(context)
    prior = train.content.bincount(minlength=image.shape[1])
    both = product(image, limits.text_posterior, prior / prior.sum())
    alone = max(limits.chance, share(image.argmax(1) == test.label))
    ceiling = max(alone, float(limits.text), share(both.argmax(1) == test.label))
    return replace(limits, image=alone, both=ceiling, product=ceiling)


def warn_above_oracle(hits: Tensor, ceiling: float) -> None:
    """Log that a model (N,) bool beats the oracle by more than NOISE standard errors: the true ceiling is higher."""
    accuracy, error = share(hits), math.sqrt(ceiling * (1 - ceiling) / len(hits))
    if accuracy > ceiling + NOISE * error:
        log.warning(
            "the accuracy with both, %.3f, is above the oracle's, %.3f: task/ceiling is a lower bound that is too low "
            "here, and so is what follows from it; a larger evaluation.image_judge.steps trains a better oracle",
            accuracy,
            ceiling,
        )


def image_posterior(context: Context) -> Tensor:
    """Compute the probabilities of the classes given each test image alone, by a classifier of the training images.

    Args:
        context: the classifier has the network and the budget of its image judge.

    Returns:
        (N, K), rows sum to 1.
    """
    train, classes = context.data.splits["train"], len(context.data.class_names)
    with context.clock("image_oracle"):
        oracle = copy(context.image_judge).fit(
            train, classes, context.data.augment, soften=False, device=context.device
        )
        with torch.no_grad():
            features = torch.cat([oracle.features_and_classes(pixels)[0] for pixels in context.test.pixels()])
            return oracle.model[-1](features.to(context.device)).softmax(1).cpu()


def fusion_gain(hits: Tensor, limits: Limits) -> Scores:
    """Compute which share of the way from the best control's expected accuracy to the ceiling the accuracy makes.

    Args:
        hits: (N,) bool, whether the answer from both modalities is right.
        limits: of the task.

    Returns:
        `fusion/gain`, 1 at the ceiling, 0 at the best control's, below 0 under it; `fusion/gain_se`, its standard error
        over the test samples; `task/room`, the accuracy that a gain of 1 is; each a value or why it is undefined.
    """
    names = ("fusion/gain", "fusion/gain_se", "task/room")
    unknown = [name for name, value in limits.named().items() if isinstance(value, str)]
    if unknown:
        return dict.fromkeys(names, f"not every limit of the task is known ({', '.join(unknown)})")
    control, ceiling = max(limits.chance, float(limits.image), float(limits.text)), float(limits.both)
    room, accuracy = ceiling - control, share(hits)
    if room < LEAST_ROOM:
        why = f"one modality alone reaches {control:.2f} and both {ceiling:.2f}: nothing is left for a fusion to gain"
        return dict.fromkeys(names[:2], why) | {"task/room": room}
    error = math.sqrt(accuracy * (1 - accuracy) / len(hits))
    return dict(zip(names, ((accuracy - control) / room, error / room, room), strict=True))
