"""Evaluation on the whole test split: every number of `metrics.json`."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error, multiclass_f1_score

from multimodal.dataset.data import Data, Split
from multimodal.evaluation.predict import Predictions, predict
from multimodal.judge.caption import CaptionJudge
from multimodal.judge.image import ImageJudge
from multimodal.loss.ssim import ssim
from multimodal.metric.availability import places, surface
from multimodal.metric.bleu import bleu
from multimodal.metric.blind import blind_captions, class_captions, class_images
from multimodal.metric.psnr import psnr
from multimodal.metric.retrieval import retrieval
from multimodal.metric.skill import skill
from multimodal.model import MultimodalModel

Scores = dict[str, float | None]


@dataclass
class Results:
    """What an evaluation found.

    Args:
        metrics: {name: value}, None where undefined.
        undefined: {name: reason} for every None.
        baselines: {blind baseline: {name: value}}, for the same test split.
        surface: rows of the availability surface.
        predictions: what the numbers were computed from.
    """

    metrics: Scores
    undefined: dict[str, str]
    baselines: dict[str, dict[str, float]]
    surface: list[dict[str, float]]
    predictions: Predictions = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The contents of `metrics.json`."""
        extra = {
            "undefined": self.undefined,
            "baselines": self.baselines,
            "availability/surface": self.surface,
        }
        return self.metrics | extra


class Evaluator:
    """Measures a model.

    Args:
        batch_size: samples at a time.
        cells: steps of the availability surface from rate 0 to 1.
        image_judge: says which class a generated image shows.
        seed: of the test masks and of ties; that of the data, not of the run.
    """

    def __init__(self, batch_size: int, cells: int, image_judge: ImageJudge, seed: int) -> None:
        if batch_size < 1 or cells < 1:
            raise ValueError(f"evaluation.evaluator needs batch_size and cells of 1 or more, got {batch_size}, {cells}")
        self.batch_size, self.cells, self.image_judge, self.seed = batch_size, cells, image_judge, seed

    def evaluate(self, model: MultimodalModel, data: Data) -> Results:
        """On the test split; the judges learn from the training split."""
        train, test = data.splits["train"], data.splits["test"]
        judges = Judges(
            self.image_judge.fit(train, len(data.class_names)),
            CaptionJudge().fit(train.tokens, train.content, len(data.vocabulary)),
        )
        predictions = predict(model, test, self.batch_size)
        metrics: Scores = judges.accuracy(test)
        metrics |= answers(predictions.probability, test)
        correct = {c: p.argmax(1) == test.label for c, p in predictions.probability.items()}
        rows = surface(correct, places(len(test), self.seed), self.cells)
        accuracies = [row["accuracy"] for row in rows]
        metrics |= {"availability/mean": sum(accuracies) / len(rows), "availability/worst": min(accuracies)}

        words = Words(data, test)
        baselines = self.baselines(data, judges, words)
        generated = prefixed("image_to_text", caption_scores(predictions.caption["image"], words, judges))
        generated |= prefixed("text_to_image", image_scores(predictions.image["text"], test, judges))
        metrics |= generated | skills(generated, baselines, metrics)
        metrics |= prefixed("reconstruction", image_scores(predictions.image["both"], test, judges))
        caption = caption_scores(predictions.caption["both"], words, judges)
        metrics |= prefixed("reconstruction", {name: caption[name] for name in ("bleu1", "bleu2", "bleu3", "bleu4")})
        image, text = predictions.encoded["image"], predictions.encoded["text"]
        for way, pair in {"image_to_text": (image, text), "text_to_image": (text, image)}.items():
            found = retrieval(*pair, words.equal, test.content, self.seed)
            metrics |= prefixed(f"retrieval/{way}", found)
        undefined = self.undefined(metrics, model.fusion.modalities, data.names_class)
        metrics |= dict.fromkeys(undefined)
        return Results(metrics, undefined, baselines, rows, predictions)

    def baselines(self, data: Data, judges: "Judges", words: "Words") -> dict[str, dict[str, float]]:
        """Scores of the blind baselines; the two that are told the class start with `class_`."""
        train, test = data.splits["train"], data.splits["test"]
        captions = blind_captions(train.tokens, len(test), self.seed)
        captions["class_caption"] = class_captions(train.tokens, train.content, test.content)
        images = {
            "mean_image": (train.image.float().mean(0) / 255).expand(len(test), -1, -1, -1),
            "class_image": class_images(train.image, train.content, test.content),
        }
        rows = {n: prefixed("image_to_text", caption_scores(c, words, judges)) for n, c in captions.items()}
        return rows | {n: prefixed("text_to_image", image_scores(i, test, judges)) for n, i in images.items()}

    @staticmethod
    def undefined(metrics: Scores, reads: tuple[str, ...], names_class: bool) -> dict[str, str]:
        """{name: reason} for what has no value, and for what a one-modality control cannot do."""
        reasons = {name: "nothing to gain over the blind baseline" for name, v in metrics.items() if v is None}
        needs = {"image_to_text/": "image", "text_to_image/": "text"}
        needs |= {f"reconstruction/{name}": "text" for name in ("bleu1", "bleu2", "bleu3", "bleu4")}
        needs |= {f"reconstruction/{name}": "image" for name in ("ssim", "psnr", "class_coherence")}
        for start, modality in needs.items():
            if modality not in reads:
                names = [name for name in metrics if name.startswith(start)]
                reasons |= dict.fromkeys(names, f"this fusion does not read the {modality}")
        if not names_class:
            names = [name for name in metrics if name.startswith("image_to_text/class_coherence")]
            reasons |= dict.fromkeys([*names, "judge/caption_accuracy"], "these captions do not name the class")
        return reasons


@dataclass(frozen=True)
class Judges:
    """Classifiers of real training data that say what is shown or told."""

    image: ImageJudge
    caption: CaptionJudge

    def accuracy(self, test: Split) -> Scores:
        """Of the judges themselves, on the real test split."""
        image = self.image.classify(test.image.float() / 255)
        caption = self.caption.classify(test.tokens)
        return {
            "judge/accuracy": share(image == test.content),
            "judge/caption_accuracy": share(caption == test.content),
        }


class Words:
    """The test captions as BLEU reads them, and which of them are equal."""

    def __init__(self, data: Data, test: Split) -> None:
        self.vocabulary, self.content = data.vocabulary, test.content
        self.references = data.vocabulary.words_of(test.tokens)
        self.equal = test.tokens.unique(dim=0, return_inverse=True)[1]


def share(right: Tensor) -> float:
    """Mean of booleans."""
    return float(right.double().mean())


def prefixed(prefix: str, scores: Scores) -> Scores:
    """{prefix/name: value}."""
    return {f"{prefix}/{name}": value for name, value in scores.items()}


def answers(probability: dict[str, Tensor], test: Split) -> Scores:
    """Accuracy, macro-F1, negative log-likelihood in nats, and calibration error (15 bins), per condition."""
    scores: Scores = {}
    for condition, p in probability.items():
        classes = p.shape[1]
        right = p[torch.arange(len(p)), test.label].clamp(min=1e-12)
        scores[f"accuracy/{condition}"] = share(p.argmax(1) == test.label)
        scores[f"macro_f1/{condition}"] = float(multiclass_f1_score(p, test.label, classes, average="macro"))
        scores[f"nll/{condition}"] = float(-right.double().log().mean())
        scores[f"ece/{condition}"] = float(multiclass_calibration_error(p, test.label, classes, n_bins=15))
    return scores


def caption_scores(written: Tensor, words: Words, judges: Judges) -> Scores:
    """BLEU-1..4 and class coherence of (N, T) captions."""
    scores: Scores = bleu(words.vocabulary.words_of(written), words.references)
    return scores | {"class_coherence": share(judges.caption.classify(written) == words.content)}


def image_scores(drawn: Tensor, test: Split, judges: Judges) -> Scores:
    """SSIM, PSNR in decibels and class coherence of (N, C, H, W) images, a thousand at a time."""
    similarity, ratio, coherent = [], [], []
    for rows in torch.arange(len(test)).split(1000):
        real = test.image[rows].float() / 255
        similarity.append(ssim(drawn[rows], real))
        ratio.append(psnr(drawn[rows], real))
        coherent.append(judges.image.classify(drawn[rows]) == test.content[rows])
    return {
        "ssim": float(torch.cat(similarity).double().mean()),
        "psnr": float(torch.cat(ratio).double().mean()),
        "class_coherence": share(torch.cat(coherent)),
    }


def skills(generated: Scores, baselines: dict[str, dict[str, float]], metrics: Scores) -> Scores:
    """{name_skill: share of what there was to gain over the best baseline that uses no label}."""
    blind = [row for name, row in baselines.items() if not name.startswith("class_")]
    best = {
        "image_to_text/class_coherence": metrics["judge/caption_accuracy"],
        "text_to_image/class_coherence": metrics["judge/accuracy"],
    }
    measured = [name for name in generated if not name.endswith("psnr")]  # decibels have no upper end
    return {
        f"{name}_skill": skill(generated[name], max(row[name] for row in blind if name in row), best.get(name, 1.0))
        for name in measured
    }
