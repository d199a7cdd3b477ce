"""Evaluation on the whole test split: every number of `metrics.json`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from multimodal.checks import check_one_of, check_whole
from multimodal.dataset.data import Data
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.context import AttentionMaps, Context, Measured
from multimodal.evaluation.derived import sample_means, skills, unable
from multimodal.evaluation.fill import FILLS
from multimodal.evaluation.predict import Predictions
from multimodal.evaluation.samples import sample_columns
from multimodal.evaluation.scores import split_undefined
from multimodal.judge.image import ImageJudge
from multimodal.model import MultimodalModel


@dataclass
class Results:
    """Results of an evaluation. What no measure computed is absent.

    Args:
        metrics: {name: value}, None where undefined.
        undefined: {name: reason} for every None.
        baselines: {blind baseline: {name: value}}, for the same test split.
        surface: rows of the availability surface.
        fill: how an absent modality was filled for that surface, `none` or `generated`.
        reads: modalities that the fusion reads: a control's generation from another one says nothing.
        seconds: {measure, or what several share: wall clock}.
        samples: {column: (N, ...)} of the test samples.
        predictions: which the numbers were computed from.
        attention: where the words of some captions look; None for a fusion that does not attend.
    """

    metrics: dict[str, float | None]
    undefined: dict[str, str]
    baselines: dict[str, dict[str, float | None]]
    surface: list[dict[str, float]]
    fill: str
    reads: tuple[str, ...]
    seconds: dict[str, float]
    samples: dict[str, np.ndarray]
    predictions: Predictions = field(repr=False)
    attention: AttentionMaps | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return the contents of `metrics.json`."""
        extra = {"undefined": self.undefined, "baselines": self.baselines, "seconds": self.seconds}
        return self.metrics | extra | {"availability/surface": self.surface, "availability/fill": self.fill}


class Evaluator:
    """Runs the measures, which do not depend on each other.

    Args:
        fill: what stands for an absent modality on the availability surface: `none` leaves its stand-in,
            `generated` puts what the model decodes from the other modality.
        batch_size: samples at a time.
        seed: of the test masks, of draws and of ties; that of the data, not of the run.
        num_references: real images with the same caption that a drawing is compared with, at most.
        image_judge: classifies generated images; trained if a measure needs it.
        measures: {name: what is measured}; None is skipped.
    """

    def __init__(
        self,
        fill: str,
        batch_size: int,
        seed: int,
        num_references: int,
        image_judge: ImageJudge,
        measures: dict[str, Callable[[Context], Measured] | None],
    ) -> None:
        check_one_of("evaluation", FILLS, fill=fill)
        check_whole("evaluation", batch_size=batch_size, num_references=num_references)
        self.fill, self.batch_size, self.seed, self.num_references = fill, batch_size, seed, num_references
        self.image_judge = image_judge
        self.measures = {name: measure for name, measure in measures.items() if measure is not None}

    def evaluate(self, model: MultimodalModel, data: Data, history: list[dict[str, float]]) -> Results:
        """Measure a trained model on the test split.

        Args:
            model: trained.
            data: has the splits `train` and `test`.
            history: rows of its training; none if they are not known.
        """
        model.eval()
        clock = Clock()
        context = Context(
            model=model,
            data=data,
            history=history,
            fill=self.fill,
            batch_size=self.batch_size,
            seed=self.seed,
            num_references=self.num_references,
            image_judge=self.image_judge,
            clock=clock,
        )
        found: list[Measured] = []
        for name, measure in self.measures.items():
            with clock(name):
                found.append(measure(context))
        scores = {name: score for part in found for name, score in part.scores.items()}
        baselines = {name: row for part in found for name, row in part.baselines.items()}
        samples = sample_columns(data, {name: column for part in found for name, column in part.samples.items()})
        scores |= sample_means(scores, samples)
        scores |= skills(scores, baselines)
        metrics, undefined = split_undefined(scores | unable(scores, model.fusion.modalities))
        return Results(
            metrics=metrics,
            undefined=undefined,
            baselines={name: split_undefined(row)[0] for name, row in baselines.items()},
            surface=[row for part in found for row in part.surface],
            fill=self.fill,
            reads=model.fusion.modalities,
            seconds=clock.seconds,
            samples=samples,
            predictions=context.predictions,
            attention=next((part.attention for part in found if part.attention is not None), None),
        )
