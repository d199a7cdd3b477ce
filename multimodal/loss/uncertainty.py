"""The training loss with weights that are learned: each term by how uncertain the model is of it.

After Kendall et al. 2018, Multi-Task Learning Using Uncertainty to Weigh Losses, https://arxiv.org/abs/1705.07115:
exp(-s) L + s / 2 for each term L, s the logarithm of its variance.
Differs: this form, the paper's for classification, for every term; each s starts where exp(-s) is the weight given
by hand; what a fusion owes keeps that weight, for a divergence is no task; in evaluation the loss is the sum by hand,
for a validation loss whose weights move tells nothing about which step was best.
"""

import math

import torch
from torch import Tensor, nn

from multimodal.loss.weighted import WeightedLoss
from multimodal.types import Batch, Output


class UncertaintyWeightedLoss(WeightedLoss):
    """Sums terms by learned weights.

    Args:
        terms: {name: module (output, batch) -> scalar}.
        weights: {name: factor} to start from, 0 or more; a term with 0 stays without weight.
    """

    def __init__(self, terms: dict[str, nn.Module], weights: dict[str, float]) -> None:
        super().__init__(terms, weights)
        learned = {name: weight for name, weight in self.weights.items() if name in terms and weight > 0}
        self.log_variance = nn.ParameterDict(
            {name: nn.Parameter(torch.tensor(-math.log(weight))) for name, weight in learned.items()}
        )

    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """{term: unweighted scalar}, the weights as `weight_<term>`, and "loss", the weighted sum."""
        values = super().forward(output, batch)
        if not self.training:
            return values
        loss = values.pop("loss")
        told = {}
        for name, s in self.log_variance.items():
            loss = loss + ((-s).exp() - self.weights[name]) * values[name] + s / 2
            told[f"weight_{name}"] = (-s).exp().detach()
        return values | told | {"loss": loss}
