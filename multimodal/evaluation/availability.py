"""Measure: accuracy over all rates at which images and captions may be missing."""

from multimodal.checks import check_whole
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.fill import FILLS
from multimodal.evaluation.scores import Scores, share
from multimodal.metric.availability import missing_thresholds, sample_availability, surface


class Availability:
    """The availability surface, its mean and its worst cell, gaps filled as `evaluation.fill` says.

    Args:
        grid_steps: of a missing rate from 0 to 1.
    """

    def __init__(self, grid_steps: int) -> None:
        check_whole("evaluation.measures.availability", grid_steps=grid_steps)
        self.grid_steps = grid_steps

    def __call__(self, context: Context) -> Measured:
        """Return the scores, the surface, and of each sample in which cells it is right."""
        test = context.test
        filled = FILLS[context.fill](context.model, test, context.predictions, context.batch_size)
        filled_correct = {condition: p.argmax(1) == test.label for condition, p in filled.items()}
        correct = context.correct | filled_correct
        place = missing_thresholds(len(test), context.seed)
        rows = surface(correct, place, self.grid_steps)
        accuracies = [row["accuracy"] for row in rows]
        scores: Scores = {f"accuracy/{condition}_filled": share(right) for condition, right in filled_correct.items()}
        scores |= {"availability/mean": sum(accuracies) / len(accuracies), "availability/worst": min(accuracies)}
        samples = {f"correct/{condition}": right for condition, right in correct.items()}
        samples |= {"place": place, "availability": sample_availability(correct, place, self.grid_steps)}
        return Measured(scores, samples, surface=rows)
