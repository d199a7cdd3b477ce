"""Measure: how good the images are that the model draws from captions."""

from dataclasses import dataclass

import torch
from torch import Tensor

from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import Scores, defined, prefixed, share
from multimodal.loss.ssim import ssim
from multimodal.metric.frechet import frechet
from multimodal.metric.psnr import psnr
from multimodal.metric.references import best_similarity

CHUNK, REFERENCE_CHUNK = 250, 512  # images at a time


class Images:
    """Images from captions alone (text to image), and with both modalities given (reconstruction)."""

    def __call__(self, context: Context) -> Measured:
        """Return the scores and the judge's accuracy, and of each sample SSIM and whether its class is seen."""
        drawn = context.predictions.image
        generated, rebuilt = score_with_references(drawn["text"], context), score_images(drawn["both"], context)
        scores: Scores = {"judge/accuracy": context.image_judge_accuracy}
        samples = {}
        for task, found in {"text_to_image": generated, "reconstruction": rebuilt}.items():
            scores |= prefixed(task, found.scores)
            samples |= {f"{task}/ssim": found.ssim, f"{task}/class_coherent": found.coherent}
        return Measured(scores, samples)


@dataclass(frozen=True)
class ImageScores:
    """Scores of (N, C, H, W) images.

    Args:
        scores: mean SSIM and PSNR (decibels), class coherence, Fréchet distance in the judge's features.
        ssim: (N,) of each.
        coherent: (N,) bool, whether the judge sees each sample's class in it.
    """

    scores: Scores
    ssim: Tensor
    coherent: Tensor


def score_images(preds: Tensor, context: Context) -> ImageScores:
    """Compare (N, C, H, W) images with those of the test split."""
    test, judge = context.test, context.trained_image_judge
    similarity, ratio, features, classes = [], [], [], []
    for rows in torch.arange(len(test)).split(CHUNK):
        target = test.image[rows].float() / 255
        similarity.append(ssim(preds[rows], target))
        ratio.append(psnr(preds[rows], target))
        part = judge.features_and_classes(preds[rows])
        features.append(part[0])
        classes.append(part[1])
    each, coherent = torch.cat(similarity), torch.cat(classes) == test.content
    distance = frechet(torch.cat(features), context.judged_test_images[0])
    scores: Scores = {
        "ssim": float(each.double().mean()),
        "psnr": float(torch.cat(ratio).double().mean()),
        "class_coherence": share(coherent),
        "frechet": defined(distance, "a Fréchet distance needs more samples than the judge has features"),
    }
    return ImageScores(scores, each, coherent)


def score_with_references(preds: Tensor, context: Context) -> ImageScores:
    """Compute the same, and `ssim_best`: the best SSIM with several real images that have the very caption."""
    found, test = score_images(preds, context), context.test
    group, count = context.caption_group, context.num_references
    best = best_similarity(preds, test.image, group, count, context.seed, REFERENCE_CHUNK)
    return ImageScores(found.scores | {"ssim_best": float(best.double().mean())}, found.ssim, found.coherent)
