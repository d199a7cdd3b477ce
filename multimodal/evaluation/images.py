"""Measure: quality of the images that the model generates."""

from dataclasses import dataclass

import torch
from torch import Tensor

from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import Scores, defined, prefixed, share
from multimodal.loss.ssim import ssim
from multimodal.metric.frechet import frechet
from multimodal.metric.psnr import psnr
from multimodal.metric.references import best_similarity

CHUNK, REFERENCE_CHUNK = 250, 512  # images per batch


class Images:
    """Scores images generated from the caption (text to image) and from both inputs (reconstruction)."""

    def __call__(self, context: Context) -> Measured:
        """Return the scores, the judge's accuracy, and each sample's SSIM and whether its class is recognised."""
        images = context.predictions.image
        generated = score_with_references(images["text"], context)
        reconstructed = score_images(images["both"], context)
        scores: Scores = {"judge/accuracy": context.image_judge_accuracy}
        samples: dict[str, Tensor] = {}
        for task, result in {"text_to_image": generated, "reconstruction": reconstructed}.items():
            scores |= prefixed(task, result.scores)
            samples |= {f"{task}/ssim": result.ssim, f"{task}/class_coherent": result.coherent}
        return Measured(scores, samples)


@dataclass(frozen=True)
class ImageScores:
    """Holds the scores of (N, C, H, W) images.

    Args:
        scores: mean SSIM and PSNR (decibels), class coherence, Fréchet distance in the judge's features.
        ssim: (N,) SSIM of each image.
        coherent: (N,) bool, whether the judge predicts each sample's class from its image.
    """

    scores: Scores
    ssim: Tensor
    coherent: Tensor


def score_images(preds: Tensor, context: Context) -> ImageScores:
    """Compare generated images (N, C, H, W) with the images of the test split."""
    test, judge = context.test, context.trained_image_judge
    similarity, noise_ratio, features, classes = [], [], [], []
    for rows in torch.arange(len(test)).split(CHUNK):
        target = test.image[rows].float() / 255
        similarity.append(ssim(preds[rows], target))
        noise_ratio.append(psnr(preds[rows], target))
        batch_features, batch_classes = judge.features_and_classes(preds[rows])
        features.append(batch_features)
        classes.append(batch_classes)
    each, coherent = torch.cat(similarity), torch.cat(classes) == test.content
    distance = frechet(torch.cat(features), context.judged_test_images[0])
    scores: Scores = {
        "ssim": float(each.double().mean()),
        "psnr": float(torch.cat(noise_ratio).double().mean()),
        "class_coherence": share(coherent),
        "frechet": defined(distance, "a Fréchet distance needs more samples than the judge has features"),
    }
    return ImageScores(scores, each, coherent)


def score_with_references(preds: Tensor, context: Context) -> ImageScores:
    """Compute the scores of `score_images`, and `ssim_best`: the best SSIM with real images of the same caption."""
    result, test = score_images(preds, context), context.test
    group, count = context.caption_group, context.num_references
    best = best_similarity(preds, test.image, group, count, context.seed, REFERENCE_CHUNK)
    scores: Scores = {**result.scores, "ssim_best": float(best.double().mean())}
    return ImageScores(scores, result.ssim, result.coherent)
