"""Measure: accuracy when images and captions are missing independently, so that a sample may lack both.

It is exact: the accuracies under each condition, weighted by how often the condition occurs, instead of drawn masks.
"""

from torch import Tensor

from multimodal.checks import check_number
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import share
from multimodal.metric.availability import expected_correct


class Missing:
    """Computes the expected accuracy at equal missing rates of images and captions, as it is and filled by generation.

    A sample that lacks both modalities is given the most frequent training label. Filling costs a second forward pass
    for each single modality (`seconds.fill` in `metrics.json`): what to fill in has been generated before.

    Args:
        rates: missing rates, from 0 to 1.

    Raises:
        ValueError: there is no rate, one is repeated or out of range.
    """

    def __init__(self, rates: list[float]) -> None:
        if not rates or len(set(rates)) < len(rates):
            raise ValueError(f"evaluation.measures.missing.rates must be one or more different rates, got {rates}")
        for place, rate in enumerate(rates):
            check_number("evaluation.measures.missing.rates", least=0, most=1, **{str(place): rate})
        self.rates = rates

    def __call__(self, context: Context) -> Measured:
        """Return `missing/<rate>` and `missing/<rate>_filled`, also for each sample, and the filled accuracies."""
        frequent = context.data.splits["train"].label.bincount().argmax()
        plain = context.correct | {"neither": context.test.label == frequent}
        filled = context.filled_correct
        versions = {"": plain, "_filled": plain | filled}
        samples: dict[str, Tensor] = {
            f"missing/{rate:g}{suffix}": expected_correct(correct, rate, rate)
            for rate in self.rates
            for suffix, correct in versions.items()
        }
        scores = {f"accuracy/{condition}_filled": share(hits) for condition, hits in filled.items()}
        return Measured(scores | {name: float(each.mean()) for name, each in samples.items()}, samples)
