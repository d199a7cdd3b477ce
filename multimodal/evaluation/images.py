"""How good images are, generated or blind, beside the real ones of the test split."""

from dataclasses import dataclass

import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.evaluation.judges import Judges
from multimodal.evaluation.scores import Scores, defined, share
from multimodal.loss.ssim import ssim
from multimodal.metric.frechet import frechet
from multimodal.metric.psnr import psnr
from multimodal.metric.references import best_similarity

CHUNK = 250  # images at a time


@dataclass(frozen=True)
class ImageScores:
    """Of (N, C, H, W) images.

    Args:
        scores: mean SSIM and PSNR (decibels), class coherence, Fréchet distance in the judge's features.
        ssim: (N,) of each.
        coherent: (N,) bool, whether each shows its sample's class.
    """

    scores: Scores
    ssim: Tensor
    coherent: Tensor


def score_images(drawn: Tensor, test: Split, judges: Judges) -> ImageScores:
    """Against the test split's own images."""
    similarity, ratio, features, shown = [], [], [], []
    for rows in torch.arange(len(test)).split(CHUNK):
        real = test.image[rows].float() / 255
        similarity.append(ssim(drawn[rows], real))
        ratio.append(psnr(drawn[rows], real))
        seen, classes = judges.image.features_and_classes(drawn[rows])
        features.append(seen)
        shown.append(classes)
    each, coherent = torch.cat(similarity), torch.cat(shown) == test.content
    distance = frechet(torch.cat(features), judges.features)
    scores: Scores = {
        "ssim": float(each.double().mean()),
        "psnr": float(torch.cat(ratio).double().mean()),
        "class_coherence": share(coherent),
        "frechet": defined(distance, "a Fréchet distance needs more samples than the judge has features"),
    }
    return ImageScores(scores, each, coherent)


def score_with_references(
    drawn: Tensor, test: Split, judges: Judges, equal: Tensor, references: int, seed: int
) -> ImageScores:
    """The same, and `ssim_best`: each drawing beside the best of several real images with its very caption."""
    found = score_images(drawn, test, judges)
    best = best_similarity(drawn, test.image, equal, references, seed, 512)
    return ImageScores(found.scores | {"ssim_best": float(best.double().mean())}, found.ssim, found.coherent)
