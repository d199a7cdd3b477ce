"""Measure: quality of the images that the model generates."""

from dataclasses import dataclass

import torch
from torch import Tensor

from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import Scores, defined, prefixed, share
from multimodal.images import ImageRows, images_at_once
from multimodal.loss.ssim import ssim
from multimodal.metric.frechet import frechet
from multimodal.metric.kid import kid
from multimodal.metric.psnr import psnr
from multimodal.metric.references import best_similarity

SCORES = ("ssim", "psnr", "class_coherence", "frechet", "kid", "attribute_accuracy")  # of `score_images`
FEW = "a kernel distance needs two images or more"


class Images:
    """Scores images generated from the caption (text to image) and from both inputs (reconstruction)."""

    def __call__(self, context: Context) -> Measured:
        """Return the scores, the judges' accuracies, and each sample's SSIM, class coherence and attribute accuracy.

        Without an image head the scores are undefined.
        """
        if why := context.lacks("image"):
            undefined = prefixed("text_to_image", dict.fromkeys((*SCORES, "ssim_best"), why))
            undefined |= prefixed("reconstruction", dict.fromkeys(SCORES, why))
            return Measured(undefined | dict.fromkeys(("judge/accuracy", "judge/attribute_accuracy"), why))
        images = context.predictions.image
        generated = score_with_references(images["text"], context)
        reconstructed = score_images(images["both"], torch.arange(len(context.test)), context)
        scores: Scores = {"judge/accuracy": context.image_judge_accuracy}
        scores["judge/attribute_accuracy"] = context.attribute_judge_accuracy
        samples: dict[str, Tensor] = {}
        for task, result in {"text_to_image": generated, "reconstruction": reconstructed}.items():
            scores |= prefixed(task, result.scores)
            samples |= {f"{task}/ssim": result.ssim, f"{task}/class_coherent": result.coherent}
            if result.attributes is not None:
                samples[f"{task}/attributes"] = result.attributes
        return Measured(scores, samples)


@dataclass(frozen=True)
class ImageScores:
    """Holds the scores of (n, C, H, W) images.

    Args:
        scores: mean SSIM and PSNR (decibels), class coherence, attribute accuracy, Fréchet and kernel distance in the
            judge's features.
        ssim: (n,) SSIM of each image.
        coherent: (n,) bool, whether the judge predicts each sample's class from its image.
        attributes: (n,) share of the attributes of its caption that each image has; None if they are not judged, or
            if a caption states none.
    """

    scores: Scores
    ssim: Tensor
    coherent: Tensor
    attributes: Tensor | None


def score_images(preds: ImageRows, rows: Tensor, context: Context) -> ImageScores:
    """Compare some of the images (N, C, H, W) uint8 of all test samples, those at `rows` (n,), with the real ones."""
    test, judge = context.test, context.trained_image_judge
    similarity, noise_ratio, features, classes, attributes = [], [], [], [], []
    for part in rows.split(images_at_once(test.image)):
        pixels = preds[part]
        image, target = (x.to(context.device).float() / 255 for x in (pixels, test.image[part]))
        similarity.append(ssim(image, target).clamp(max=1).cpu())  # Cauchy-Schwarz; rounding may exceed it
        noise_ratio.append(psnr(image, target).cpu())
        batch_features, batch_classes = judge.features_and_classes(image)
        features.append(batch_features)
        classes.append(batch_classes)
        if not isinstance(context.attribute_judge, str):
            attributes.append(context.attribute_judge.judge(pixels, part))
    each, coherent = torch.cat(similarity), torch.cat(classes) == test.content[rows]
    own, real = torch.cat(features), context.judged_test_images[0][rows]
    scores: Scores = {
        "ssim": float(each.double().mean()),
        "psnr": float(torch.cat(noise_ratio).double().mean()),
        "class_coherence": share(coherent),
        "frechet": defined(frechet(own, real), "a Fréchet distance needs more samples than the judge has features"),
        "kid": defined(kid(own.to(context.device), real.to(context.device), context.seed), FEW),
    }
    if isinstance(context.attribute_judge, str):
        return ImageScores(scores | {"attribute_accuracy": context.attribute_judge}, each, coherent, None)
    shown = torch.cat(attributes)
    scores["attribute_accuracy"] = float(shown.nanmean())
    return ImageScores(scores, each, coherent, None if shown.isnan().any() else shown)


def score_with_references(preds: ImageRows, context: Context) -> ImageScores:
    """Compute the scores of `score_images` for the whole split, and `ssim_best`.

    That is the best SSIM with several real images of the same caption.
    """
    test, group, count = context.test, context.caption_group, context.num_references
    result = score_images(preds, torch.arange(len(test)), context)
    chunk = images_at_once(test.image)
    best = best_similarity(preds, test.image, group, count, context.seed, chunk, context.device)
    scores: Scores = {**result.scores, "ssim_best": float(best.clamp(max=1).double().mean())}
    return ImageScores(scores, result.ssim, result.coherent, result.attributes)
