"""Evaluation on the whole test split: every number of `metrics.json`."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.answers import answers
from multimodal.evaluation.attention import AttentionMaps, attention_maps
from multimodal.evaluation.baselines import baselines, skills
from multimodal.evaluation.captions import score_captions
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.fill import FILLS, check_fill
from multimodal.evaluation.images import score_images, score_with_references
from multimodal.evaluation.interaction import answer_grid, interaction
from multimodal.evaluation.judges import fit_judges
from multimodal.evaluation.predict import Predictions, join, predict
from multimodal.evaluation.sampling import sample_evenly, sample_rows
from multimodal.evaluation.scores import Scores, prefixed, share, split_undefined
from multimodal.judge.image import ImageJudge
from multimodal.metric.availability import missing_thresholds, surface
from multimodal.metric.blind import chance_level
from multimodal.metric.latent import latent
from multimodal.metric.retrieval import retrieval
from multimodal.model import MultimodalModel

SHOWN = 6  # samples whose attention is kept
REBUILT = ("bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "exact")  # of captions with both modalities given


@dataclass
class Results:
    """What an evaluation found.

    Args:
        metrics: {name: value}, None where undefined.
        undefined: {name: reason} for every None.
        baselines: {blind baseline: {name: value}}, for the same test split.
        surface: rows of the availability surface.
        fill: how an absent modality was filled for that surface, `none` or `generated`.
        correct: {condition: (N,) bool} that the surface was made of.
        seconds: {stage of the evaluation: wall clock}; the figures add that of t-SNE.
        samples: {name: (N,)} what was measured of each test sample.
        predictions: what the numbers were computed from.
        attention: where the words of some captions look; None for a fusion that does not attend.
    """

    metrics: dict[str, float | None]
    undefined: dict[str, str]
    baselines: dict[str, dict[str, float | None]]
    surface: list[dict[str, float]]
    fill: str
    correct: dict[str, Tensor]
    seconds: dict[str, float]
    samples: dict[str, Tensor]
    predictions: Predictions = field(repr=False)
    attention: AttentionMaps | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The contents of `metrics.json`."""
        extra = {"undefined": self.undefined, "baselines": self.baselines, "seconds": self.seconds}
        return self.metrics | extra | {"availability/surface": self.surface, "availability/fill": self.fill}


class Evaluator:
    """Measures a model.

    Args:
        batch_size: samples at a time.
        cells: steps of the availability surface from rate 0 to 1.
        beam: width of the beam search.
        references: real images with the same caption that a drawing is compared with, at most.
        pairs: samples of the interaction audit, all of whose images meet all of whose captions.
        image_judge: says which class a generated image shows.
        seed: of the test masks and of ties; that of the data, not of the run.
    """

    def __init__(
        self,
        batch_size: int,
        cells: int,
        beam: int,
        references: int,
        pairs: int,
        image_judge: ImageJudge,
        seed: int,
    ) -> None:
        numbers = {"batch_size": batch_size, "cells": cells, "beam": beam, "references": references, "pairs": pairs}
        for name, value in numbers.items():
            if type(value) is not int or value < 1:
                raise ValueError(f"evaluation.evaluator.{name} must be a whole number of 1 or more, got {value}")
        if pairs < 2:
            raise ValueError("evaluation.evaluator.pairs must be 2 or more: each image meets another's caption")
        self.batch_size, self.cells, self.beam, self.references = batch_size, cells, beam, references
        self.pairs, self.image_judge, self.seed = pairs, image_judge, seed

    def evaluate(self, model: MultimodalModel, data: Data, fill: str) -> Results:
        """On the test split; the judges learn from the training split.

        Args:
            model: trained.
            data: has the splits `train` and `test`.
            fill: what stands for an absent modality on the availability surface: `none` leaves its stand-in,
                `generated` puts what the model decodes from the other modality.
        """
        check_fill(fill)
        test, clock = data.splits["test"], Clock({})
        with clock("judges"):
            judges = fit_judges(self.image_judge, data)
        with clock("predictions"):
            predictions = predict(model, test, self.batch_size)
        with clock("filling"):
            filled = FILLS[fill](model, test, predictions, self.batch_size)
        said = predictions.probability | filled
        correct = {condition: p.argmax(1) == test.label for condition, p in said.items()}
        place = missing_thresholds(len(test), self.seed)
        rows = surface(correct, place, self.cells)
        cells = [row["accuracy"] for row in rows]
        scores: Scores = judges.accuracy | answers(predictions.probability, test.label)
        scores |= {f"accuracy/{condition}_filled": share(correct[condition]) for condition in filled}
        scores |= {"availability/mean": sum(cells) / len(cells), "availability/worst": min(cells)}

        equal = test.tokens.unique(dim=0, return_inverse=True)[1]
        with clock("captions"):
            greedy = score_captions(predictions.caption["image"], data, judges)
            rebuilt = score_captions(predictions.caption["both"], data, judges)
        with clock("images"):
            drawn = score_with_references(predictions.image["text"], test, judges, equal, self.references, self.seed)
            redrawn = score_images(predictions.image["both"], test, judges)
        with clock("beam search"):
            beam = score_captions(beam_captions(model, predictions, self.beam, self.batch_size), data, judges)
        with clock("blind baselines"):
            blind = baselines(data, judges, equal, self.references, self.seed)
        generated = prefixed("image_to_text", greedy.scores) | prefixed("text_to_image", drawn.scores)
        scores |= generated | skills(generated, blind, judges.accuracy)
        scores |= prefixed("image_to_text_beam", beam.scores)
        scores |= prefixed("reconstruction", redrawn.scores)
        scores |= prefixed("reconstruction", {name: rebuilt.scores[name] for name in REBUILT})

        image, text = predictions.encoded["image"], predictions.encoded["text"]
        with clock("retrieval"):
            for way, pair in {"image_to_text": (image, text), "text_to_image": (text, image)}.items():
                found = retrieval(*pair, equal, test.content, self.seed, text_query=way == "text_to_image")
                scores |= prefixed(f"retrieval/{way}", found)
        with clock("latent space"):
            scores |= prefixed(
                "latent", latent(image, text, predictions.joint["both"], test.label, self.seed, 2000, 10)
            )
        with clock("interaction"):
            audited = sample_rows(len(test), self.pairs, self.seed)
            grid = answer_grid(model, test, audited)
            found = interaction(grid, test.label[audited], scores, chance_level(test.label))
            scores |= prefixed("interaction", found)

        metrics, undefined = split_undefined(scores | unable(scores, model.fusion.modalities))
        samples = {"place": place, "text_to_image/ssim": drawn.ssim, "reconstruction/ssim": redrawn.ssim}
        samples |= {"text_to_image/class_coherent": drawn.coherent, "reconstruction/class_coherent": redrawn.coherent}
        samples |= {} if greedy.coherent is None else {"image_to_text/class_coherent": greedy.coherent}
        return Results(
            metrics=metrics,
            undefined=undefined,
            baselines={name: split_undefined(row)[0] for name, row in blind.items()},
            surface=rows,
            fill=fill,
            correct=correct,
            seconds=clock.seconds,
            samples=samples,
            predictions=predictions,
            attention=attention_maps(model, test, torch.tensor(sample_evenly(test.content, SHOWN, self.seed))),
        )


@torch.no_grad()
def beam_captions(model: MultimodalModel, predictions: Predictions, width: int, batch_size: int) -> Tensor:
    """(N, T) captions of the images alone, by beam search."""
    z, device = predictions.joint["image"], next(model.parameters()).device
    return join([model.heads["text"].beam(part.to(device), width).cpu() for part in z.split(batch_size)])


def unable(scores: Scores, reads: tuple[str, ...]) -> Scores:
    """{name: reason} for what a one-modality control cannot do."""
    needs = {"image_to_text/": "image", "image_to_text_beam/": "image", "text_to_image/": "text"}
    needs |= {f"reconstruction/{name}": "text" for name in REBUILT}
    needs |= {f"reconstruction/{name}": "image" for name in ("ssim", "psnr", "class_coherence", "frechet")}
    return {
        name: f"this fusion does not read the {modality}"
        for start, modality in needs.items()
        for name in scores
        if modality not in reads and name.startswith(start)
    }
