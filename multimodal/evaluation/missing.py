"""Measure: accuracy when images and captions are missing independently, so that a sample may lack both.

It is exact: the accuracies under each condition, weighted by how often the condition occurs, instead of drawn masks.
"""

from torch import Tensor

from multimodal.checks import check_number
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.fill import GENERATED
from multimodal.evaluation.scores import Scores, share
from multimodal.metric.availability import expected_correct


class Missing:
    """Computes the expected accuracy at equal missing rates of images and captions, as it is and filled by generation.

    A sample that lacks both modalities is given the most frequent training label. Filling costs a second forward pass
    for each single modality (`seconds.fill` in `metrics.json`): what to fill in has been generated before.

    Args:
        rates: missing rates, from 0 to 1.

    Raises:
        ValueError: there is no rate, one is out of range, or two have the same name in `metrics.json`.
    """

    def __init__(self, rates: list[float]) -> None:
        for place, rate in enumerate(rates):
            check_number("evaluation.measures.missing.rates", least=0, most=1, **{str(place): rate})
        if not rates or len({f"{rate:g}" for rate in rates}) < len(rates):  # as the metrics are named
            raise ValueError(
                "evaluation.measures.missing.rates must be one or more rates that differ in their first six digits, "
                f"got {rates}"
            )
        self.rates = rates

    def __call__(self, context: Context) -> Measured:
        """Return `missing/<rate>` and `missing/<rate>_filled`, also for each sample, and the filled accuracies.

        Where the task makes generation meaningless or the model has no head for it, what is filled by it is undefined,
        and is not computed.
        """
        frequent = context.data.splits["train"].label.bincount().argmax()
        plain = context.correct | {"neither": context.test.label == frequent}
        why = context.why_not_filled
        filled = {} if why else context.filled_correct
        versions = {"": plain} if why else {"": plain, "_filled": plain | filled}
        samples: dict[str, Tensor] = {
            f"missing/{rate:g}{suffix}": expected_correct(correct, rate, rate)
            for rate in self.rates
            for suffix, correct in versions.items()
        }
        scores: Scores = {f"accuracy/{condition}_filled": share(hits) for condition, hits in filled.items()}
        scores |= {name: float(each.mean()) for name, each in samples.items()}
        if why:
            scores |= dict.fromkeys((f"accuracy/{condition}_filled" for condition in GENERATED), why)
            scores |= dict.fromkeys((f"missing/{rate:g}_filled" for rate in self.rates), why)
        return Measured(scores, samples)
