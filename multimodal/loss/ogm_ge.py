"""Gradient modulation: the encoder of the dominant modality learns more slowly.

On-the-fly gradient modulation with generalisation enhancement (OGM-GE), Peng et al. 2022, Balanced Multimodal Learning
via On-the-fly Gradient Modulation, https://arxiv.org/abs/2203.15332.
Differs: the confidence of a modality comes from the auxiliary classifiers of the term `unimodal`, because not every
fusion is a sum; that term also trains the encoders, so compare with `loss=unimodal` to see the effect of modulation.
The factor applies to all parameters of an encoder, to the gradient of all terms and for the whole training; noise is
added to all weight matrices. The paper's code applies both to convolutions only, for a number of epochs.
"""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from multimodal.checks import check_flag, check_number
from multimodal.loss.distributed import global_mean
from multimodal.loss.unimodal import UnimodalCrossEntropy
from multimodal.loss.weighted import WeightedLoss
from multimodal.types import Batch, Output


class GradientModulatedLoss(WeightedLoss):
    """Sum the terms by weight; multiply the gradient of each dominant encoder by 1 - tanh(alpha * ratio).

    A modality is dominant if its confidence is `ratio` > 1 times the mean of the others.

    Args:
        terms: {name: module (output, batch) -> scalar}, including `unimodal`.
        weights: {name: factor}, 0 or more.
        alpha: strength of the modulation, 0 or more.
        noise: whether Gaussian noise with the gradient's standard deviation is added to it (GE).

    Raises:
        ValueError: if the term `unimodal` is missing, weighs 0 or has fewer than two modalities, or a setting is wrong.

    Example:
        >>> terms = {"unimodal": UnimodalCrossEntropy(dim=8, modalities=["image", "text"], num_classes=3)}
        >>> loss = GradientModulatedLoss(terms, {"unimodal": 1.0}, alpha=0.1, noise=False)
        >>> loss.confidence = {"image": torch.tensor(0.8), "text": torch.tensor(0.4)}  # set by forward
        >>> {m: round(factor.item(), 4) for m, factor in loss.factors().items()}  # 1 - tanh(0.1 * 2)
        {'image': 0.8026, 'text': 1.0}
    """

    def __init__(self, terms: dict[str, nn.Module], weights: dict[str, float], alpha: float, noise: bool) -> None:
        super().__init__(terms, weights)
        if "unimodal" not in self.terms:
            known = f"got {sorted(terms)}" if "unimodal" not in terms else "got loss.weights.unimodal=0"
            raise ValueError(f"loss.terms must have unimodal, with a weight above 0, for OGM-GE, {known}")
        modalities = list(self.classifiers)
        if len(modalities) < 2:
            raise ValueError(f"loss.terms.unimodal.modalities must be two or more for OGM-GE, got {modalities}")
        check_number("loss", least=0, alpha=alpha)
        check_flag("loss", noise=noise)
        self.alpha, self.noise = alpha, noise
        self.seed = torch.initial_seed()  # the seed of the run, set before the parts are built
        self.step = 0  # seeds the noise: the same in every process; no buffer, which the CPU would wait for to read
        self.confidence: dict[str, Tensor] = {}

    def get_extra_state(self) -> Tensor:
        """Return the step for a checkpoint."""
        return torch.tensor(self.step)

    def set_extra_state(self, state: Tensor) -> None:
        """Take the step from a checkpoint."""
        self.step = int(state)

    @property
    def classifiers(self) -> nn.ModuleDict:
        """Return the auxiliary classifiers, {modality: module (B, D) -> (B, K)}."""
        return cast(UnimodalCrossEntropy, self.terms["unimodal"]).classifiers

    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Compute all terms and their weighted sum; in training, also the confidences.

        Returns:
            {term: unweighted scalar}, "loss" (the weighted sum) and, in training, the factors as
            `modulation_<modality>`.
        """
        values = super().forward(output, batch)
        if not self.training:
            return values
        self.confidence = self.confidences(output, batch)
        return values | {f"modulation_{m}": factor for m, factor in self.factors().items()}

    @torch.no_grad()
    def confidences(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return {modality: mean probability of the true label}, over samples with all modalities."""
        complete = torch.stack([output.encoded[m].present for m in self.classifiers]).all(0)
        count = complete.sum()
        confidence = {}
        for m, classifier in self.classifiers.items():
            probability = classifier(output.encoded[m].pooled).softmax(-1).gather(1, batch.label[:, None])[:, 0]
            confidence[m] = global_mean((probability * complete).sum() / count.clamp(min=1), count, self.training)
        return confidence

    def factors(self) -> dict[str, Tensor]:
        """Return {modality: factor of its encoder's gradient}, 1 for modalities that are not dominant."""
        factors = {}
        for m, own in self.confidence.items():
            others = [value for name, value in self.confidence.items() if name != m]
            ratio = own / torch.stack(others).mean().clamp(min=1e-8)
            factors[m] = torch.where(ratio > 1, 1 - (self.alpha * ratio).tanh(), torch.ones_like(ratio))
        return factors

    @torch.no_grad()
    def after_backward(self, encoders: Mapping[str, nn.Module]) -> None:
        """Scale the gradients of dominant encoders, and add noise to the gradients of all weight matrices."""
        self.step += 1
        factors = self.factors()
        device = next(iter(factors.values())).device
        generator = torch.Generator(device).manual_seed(hash((self.seed, self.step)) % 2**63)
        for m, factor in factors.items():
            for parameter in encoders[m].parameters():
                if parameter.grad is None:
                    continue
                noise: Tensor | int = 0
                if self.noise and parameter.ndim > 1:
                    noise = torch.empty_like(parameter.grad).normal_(generator=generator) * parameter.grad.std()
                parameter.grad.mul_(factor).add_(noise)
