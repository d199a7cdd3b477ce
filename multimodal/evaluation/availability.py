"""Measure: accuracy at all rates of missing images and captions."""

from collections.abc import Callable

from torch import Tensor

from multimodal.checks import check_whole
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import share
from multimodal.metric.availability import mean_correct, missing_thresholds, surface
from multimodal.types import CONDITIONS

# How a missing modality is filled: {option of `evaluation.fill`: function that returns the predictions it changes}.
FILLS: dict[str, Callable[[Context], dict[str, Tensor]]] = {
    "none": lambda context: {},
    "generated": lambda context: context.filled_correct,
}


class Availability:
    """Computes the availability surface, its mean and its lowest value; `evaluation.fill` sets how gaps are filled.

    Without the noise of masks the accuracy is linear in the missing rates, so the mean over the surface is the mean of
    the accuracies with both, from the image and from the caption alone, and the lowest value is the lowest of the
    three. Both are computed from these; the lowest cell of the surface would be the luckiest of its masks.

    Args:
        grid_steps: number of steps of a missing rate from 0 to 1.
    """

    def __init__(self, grid_steps: int) -> None:
        check_whole("evaluation.measures.availability", most=100, grid_steps=grid_steps)
        self.grid_steps = grid_steps

    def __call__(self, context: Context) -> Measured:
        """Return the scores, the surface, and for each sample its correctness, threshold and share of all rates.

        They are undefined where gaps are filled by generation that the task makes meaningless or the model cannot make.
        """
        if context.fill == "generated" and (why := context.why_not_filled):
            return Measured(dict.fromkeys(("availability/mean", "availability/worst"), why))
        correct = context.correct | FILLS[context.fill](context)
        thresholds = missing_thresholds(len(context.test), context.seed)
        rows = surface(correct, thresholds, self.grid_steps)
        each = mean_correct(correct)
        worst = min(share(correct[condition]) for condition in CONDITIONS)
        scores = {"availability/mean": float(each.mean()), "availability/worst": worst}
        samples: dict[str, Tensor] = {f"correct/{condition}": hits for condition, hits in correct.items()}
        return Measured(scores, samples | {"place": thresholds, "availability": each}, surface=rows)
