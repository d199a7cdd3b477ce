"""Evaluation on the whole test split: computes every number of `metrics.json`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from multimodal.checks import check_one_of, check_seed, check_whole
from multimodal.dataset.data import Data
from multimodal.evaluation.availability import FILLS
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.context import AttentionMaps, Context, Drawings, Measured
from multimodal.evaluation.derived import meaningless, sample_means, skills, unable
from multimodal.evaluation.predict import Predictions
from multimodal.evaluation.samples import sample_columns
from multimodal.evaluation.scores import split_undefined
from multimodal.judge.image import ImageJudge
from multimodal.model import MultimodalModel


@dataclass
class Results:
    """Holds the results of an evaluation; metrics of measures that are switched off are absent.

    Args:
        metrics: {name: value}, None where undefined.
        undefined: {name: reason} for every None.
        baselines: {blind baseline: {name: value}}, for the same test split.
        surface: rows of the availability surface.
        fill: how an absent modality was filled for that surface, `none` or `generated`.
        reads: modalities that the fusion reads; generation from another one is meaningless.
        clock: measures what is done with the results, as it did the measures and what several of them share.
        samples: {column: (N, ...) values of the test samples}.
        predictions: the predictions that the numbers were computed from.
        attention: attention maps of some samples; None for a fusion without attention.
        drawings: several drawings for the captions of some samples; None for a model that does not draw at random.
    """

    metrics: dict[str, float | None]
    undefined: dict[str, str]
    baselines: dict[str, dict[str, float | None]]
    surface: list[dict[str, float]]
    fill: str
    reads: tuple[str, ...]
    clock: Clock
    samples: dict[str, np.ndarray]
    predictions: Predictions = field(repr=False)
    attention: AttentionMaps | None = field(default=None, repr=False)
    drawings: Drawings | None = field(default=None, repr=False)

    @property
    def seconds(self) -> dict[str, float]:
        """Return {part of the evaluation: wall-clock seconds}."""
        return self.clock.seconds

    def as_json(self) -> dict[str, Any]:
        """Return the contents of `metrics.json`."""
        extra = {"undefined": self.undefined, "baselines": self.baselines, "seconds": self.seconds}
        return self.metrics | extra | {"availability/surface": self.surface, "availability/fill": self.fill}


class Evaluator:
    """Runs the measures, which are independent of each other.

    Args:
        fill: how a missing modality is filled on the availability surface: `none` leaves the model's own imputation,
            `generated` inserts what the model generates from the other modality.
        batch_size: samples per batch.
        seed: seed of the test masks, of sampling and of tie-breaking; the data's, not the run's.
        num_references: largest number of real images with the same caption to compare a generated image with.
        image_judge: classifies generated images; trained if a measure needs it.
        measures: {name: measure}; None is skipped.
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
        check_seed("evaluation", seed=seed)
        self.fill, self.batch_size, self.seed, self.num_references = fill, batch_size, seed, num_references
        self.image_judge = image_judge
        self.measures = {name: measure for name, measure in measures.items() if measure is not None}

    def evaluate(
        self,
        model: MultimodalModel,
        data: Data,
        history: list[dict[str, float]],
        devices: Sequence[torch.device] = (),
    ) -> Results:
        """Evaluate a trained model on the test split.

        Args:
            model: the trained model.
            data: its splits `train` and `test` are used.
            history: rows of the training history; empty if unknown.
            devices: share the test samples; none for that of the model alone.
        """
        model.eval()
        fusion: Any = model.fusion
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
            devices=devices,
        )
        results: list[Measured] = []
        for name, measure in self.measures.items():
            with clock(name):
                results.append(measure(context))
        with clock("derived"):
            scores = {name: score for part in results for name, score in part.scores.items()}
            baselines = {name: row for part in results for name, row in part.baselines.items()}
            samples = sample_columns(data, {name: column for part in results for name, column in part.samples.items()})
            scores |= sample_means(scores, samples)
            if "near_duplicate_counts" in data.card:
                scores["data/near_duplicates"] = float(data.card["near_duplicate_counts"]["test_in_train"])
            scores |= skills(scores, baselines)
            reasons = unable(scores, fusion.modalities) | meaningless(scores, data.undefined)
            metrics, undefined = split_undefined(scores | reasons)
            baselines = {name: row | meaningless(row, data.undefined) for name, row in baselines.items()}
        return Results(
            metrics=metrics,
            undefined=undefined,
            baselines={name: split_undefined(row)[0] for name, row in baselines.items()},
            surface=[row for part in results for row in part.surface],
            fill=self.fill,
            reads=fusion.modalities,
            clock=clock,
            samples=samples,
            predictions=context.predictions,
            attention=next((part.attention for part in results if part.attention is not None), None),
            drawings=next((part.drawings for part in results if part.drawings is not None), None),
        )
