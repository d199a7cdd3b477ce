"""Gradient modulation: the encoder of the modality that is ahead learns slower.

On-the-fly gradient modulation with generalisation enhancement (OGM-GE), Peng et al. 2022, Balanced Multimodal Learning
via On-the-fly Gradient Modulation, https://arxiv.org/abs/2203.15332.
Differs: what a modality scores alone is told by the auxiliary classifiers of the term `unimodal`, since not every
fusion is a sum, and that term trains the encoders as well: what modulation adds is the difference to `loss=unimodal`.
The factor acts on all parameters of an encoder, on the gradient of all terms and for the whole training; noise is
added to matrices of all kinds. The paper's code does both to convolutions, for a number of epochs.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from multimodal.checks import check_flag, check_number
from multimodal.loss.distributed import global_mean
from multimodal.loss.weighted import WeightedLoss
from multimodal.types import Batch, Output


class GradientModulatedLoss(WeightedLoss):
    """Scales each encoder's gradient by 1 - tanh(alpha * ratio) where its confidence is `ratio` > 1 times the others'.

    Args:
        terms: {name: module (output, batch) -> scalar}, `unimodal` among them.
        weights: {name: factor}, 0 or more.
        alpha: how strongly, 0 or more.
        noise: whether the gradient's own spread is added to it as Gaussian noise (GE).
    """

    def __init__(self, terms: dict[str, nn.Module], weights: dict[str, float], alpha: float, noise: bool) -> None:
        super().__init__(terms, weights)
        if "unimodal" not in terms:
            raise ValueError(f"OGM-GE needs the term `unimodal`, got {sorted(terms)}")
        if len(terms["unimodal"].classifiers) < 2:
            raise ValueError("OGM-GE weighs modalities against each other: `unimodal` needs two or more of them")
        check_number("loss", least=0, alpha=alpha)
        check_flag("loss", noise=noise)
        self.alpha, self.noise = alpha, noise
        self.seed = torch.initial_seed()  # the run's, while it builds its parts
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))  # seeds the noise: the same in every process
        self.confidence: dict[str, Tensor] = {}

    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """{term: unweighted scalar}, "loss", and the factors as `modulation_<modality>`."""
        values = super().forward(output, batch)
        if not self.training:
            return values
        self.confidence = self.confidences(output, batch)
        return values | {f"modulation_{m}": factor for m, factor in self.factors().items()}

    @torch.no_grad()
    def confidences(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """{modality: mean probability that its classifier gives the answer}, over the complete samples."""
        classifiers = self.terms["unimodal"].classifiers
        complete = torch.stack([output.encoded[m].present for m in classifiers]).all(0)
        count = complete.sum()
        found = {}
        for m, classifier in classifiers.items():
            said = classifier(output.encoded[m].pooled).softmax(-1).gather(1, batch.label[:, None])[:, 0]
            found[m] = global_mean((said * complete).sum() / count.clamp(min=1), count, self.training)
        return found

    def factors(self) -> dict[str, Tensor]:
        """{modality: what its encoder's gradient is multiplied by}; 1 for all that are not ahead."""
        found = {}
        for m, own in self.confidence.items():
            others = [value for name, value in self.confidence.items() if name != m]
            ratio = own / torch.stack(others).mean().clamp(min=1e-8)
            found[m] = torch.where(ratio > 1, 1 - (self.alpha * ratio).tanh(), torch.ones_like(ratio))
        return found

    @torch.no_grad()
    def after_backward(self, encoders: Mapping[str, nn.Module]) -> None:
        """Slows the encoder that is ahead; adds noise to the matrices of all."""
        self.step += 1
        generator = torch.Generator(self.step.device).manual_seed(hash((self.seed, int(self.step))) % 2**63)
        for m, factor in self.factors().items():
            for parameter in encoders[m].parameters():
                if parameter.grad is None:
                    continue
                noise = 0
                if self.noise and parameter.ndim > 1:
                    noise = torch.empty_like(parameter.grad).normal_(generator=generator) * parameter.grad.std()
                parameter.grad.mul_(factor).add_(noise)
