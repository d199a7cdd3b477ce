"""Measure: what the task allows, and how far the model comes on the way from the best control to the ceiling."""

from collections.abc import Callable
from copy import copy
from typing import Any, cast

import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.image_rows import Joined
from multimodal.evaluation.product import product
from multimodal.evaluation.scores import Scores, prefixed, share
from multimodal.images import Pictures
from multimodal.types import Limits

DRAWS = 8  # of the damages of each training image, for the classifier that measures a ceiling
LEAST_ROOM = 0.05  # between the best control and the ceiling: a share of less says more about chance than about fusing


class TaskLimits:
    """Reports chance, ceilings and fusion gain; limits that the task cannot compute are measured by an oracle."""

    def __call__(self, context: Context) -> Measured:
        """Return the scores under `task`, and `fusion/gain`."""
        limits = measured_limits(context)
        gain = fusion_gain(share(context.correct["both"]), limits)
        return Measured(prefixed("task", limits.named()) | {"fusion/gain": gain})


def measured_limits(context: Context) -> Limits:
    """Return the task's limits; of independently damaged modalities those of an oracle.

    The oracle multiplies the known probabilities given the caption with those of a classifier that is trained on the
    training images with many draws of their damages. It is a good reader, not a perfect one: a model may do better.
    """
    limits = context.data.limits
    if limits.text_posterior is None or limits.damage_again is None:
        return limits
    train, test = context.data.splits["train"], context.test
    image = image_posterior(context, limits.damage_again)
    prior = train.content.bincount(minlength=image.shape[1])
    both = product(image, limits.text_posterior, prior / prior.sum())
    return Limits(
        chance=limits.chance,
        image=share(image.argmax(1) == test.label),
        text=limits.text,
        both=share(both.argmax(1) == test.label),
    )


def image_posterior(context: Context, damage_again: Callable[[int], Pictures]) -> Tensor:
    """Compute the probabilities of the classes given each test image alone, by a classifier of damaged ones.

    Args:
        context: the classifier has the network and the budget of its image judge.
        damage_again: function of a seed that returns the training images (N, C, H, W) uint8 with other damages.

    Returns:
        (N, K), rows sum to 1.
    """
    train, classes = context.data.splits["train"], len(context.data.class_names)
    with context.clock("image_oracle"):
        image = Joined(tuple(damage_again(seed) for seed in range(1, DRAWS + 1)))
        many = Split(
            cast(Any, image), train.tokens.repeat(DRAWS, 1), train.label.repeat(DRAWS), train.content.repeat(DRAWS)
        )
        oracle = copy(context.image_judge).fit(many, classes, context.data.augment, soften=False)
        with torch.no_grad():
            features = torch.cat([oracle.features_and_classes(pixels)[0] for pixels in context.test.pixels()])
            return oracle.model[-1](features).softmax(1)


def fusion_gain(accuracy: float, limits: Limits) -> float | str:
    """Compute which share of the way from the best control's limit to the ceiling an accuracy makes.

    Args:
        accuracy: with both modalities.
        limits: of the task.

    Returns:
        1 at the ceiling, 0 at the best control's, below 0 under it; or the reason why it is undefined.
    """
    unknown: Scores = {name: value for name, value in limits.named().items() if isinstance(value, str)}
    if unknown:
        return f"not every limit of the task is known ({', '.join(unknown)})"
    chance, ceiling, image, text = (float(value) for value in limits.named().values())
    control = max(chance, image, text)
    if ceiling - control < LEAST_ROOM:
        return f"one modality alone reaches {control:.2f} and both {ceiling:.2f}: nothing is left for a fusion to gain"
    return (accuracy - control) / (ceiling - control)
