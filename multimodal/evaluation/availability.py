"""Measure: accuracy at all rates of missing images and captions."""

from torch import Tensor

from multimodal.checks import check_whole
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.fill import FILLS
from multimodal.evaluation.scores import Scores, share
from multimodal.metric.availability import missing_thresholds, sample_availability, surface


class Availability:
    """Computes the availability surface, its mean and its lowest value; `evaluation.fill` sets how gaps are filled.

    Args:
        grid_steps: number of steps of a missing rate from 0 to 1.
    """

    def __init__(self, grid_steps: int) -> None:
        check_whole("evaluation.measures.availability", most=100, grid_steps=grid_steps)
        self.grid_steps = grid_steps

    def __call__(self, context: Context) -> Measured:
        """Return the scores, the surface, and for each sample its correctness, threshold and share of correct cells."""
        test = context.test
        filled = FILLS[context.fill](context.model, test, context.predictions, context.batch_size)
        filled_correct = {condition: p.argmax(1) == test.label for condition, p in filled.items()}
        correct = context.correct | filled_correct
        thresholds = missing_thresholds(len(test), context.seed)
        rows = surface(correct, thresholds, self.grid_steps)
        accuracies = [row["accuracy"] for row in rows]
        scores: Scores = {f"accuracy/{condition}_filled": share(hits) for condition, hits in filled_correct.items()}
        scores |= {"availability/mean": sum(accuracies) / len(accuracies), "availability/worst": min(accuracies)}
        samples: dict[str, Tensor] = {f"correct/{condition}": hits for condition, hits in correct.items()}
        samples |= {"place": thresholds, "availability": sample_availability(correct, thresholds, self.grid_steps)}
        return Measured(scores, samples, surface=rows)
