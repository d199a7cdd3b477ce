"""The training loss with learned weights: each term is weighted by the model's uncertainty about it.

After Kendall et al. 2018, Multi-Task Learning Using Uncertainty to Weigh Losses, https://arxiv.org/abs/1705.07115:
exp(-s) L + s / 2 for each term L, with s the logarithm of its variance.
Differs: every term uses this form, which the paper uses for classification; each s starts where exp(-s) is the
configured weight; the losses that a fusion or an image head has of its own keep their configured weights;
in evaluation the loss uses the configured weights, because validation losses with changing weights cannot be compared
between steps.
"""

import math

import torch
from torch import Tensor, nn

from multimodal.loss.weighted import WeightedLoss
from multimodal.types import Batch, Output


class UncertaintyWeightedLoss(WeightedLoss):
    """Sum the loss terms with learned weights.

    Args:
        terms: {name: module (output, batch) -> scalar}.
        weights: {name: initial weight}, 0 or more; a term with weight 0 is not computed.

    Raises:
        ValueError: if a weight is negative.

    Example:
        >>> from types import SimpleNamespace
        >>> from multimodal.loss.label import LabelCrossEntropy
        >>> loss = UncertaintyWeightedLoss({"label": LabelCrossEntropy(smoothing=0.0)}, {"label": 1.0})
        >>> output = SimpleNamespace(label=torch.zeros(2, 4), aux_losses={})
        >>> values = loss(output, SimpleNamespace(label=torch.tensor([0, 3])))
        >>> {name: round(value.item(), 4) for name, value in values.items()}  # log 4; exp(-s) = 1 at the start
        {'label': 1.3863, 'weight_label': 1.0, 'loss': 1.3863}
    """

    def __init__(self, terms: dict[str, nn.Module], weights: dict[str, float]) -> None:
        super().__init__(terms, weights)
        self.log_variance = nn.ParameterDict(
            {name: nn.Parameter(torch.tensor(-math.log(self.weights[name]))) for name in self.terms}
        )

    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Compute all terms and their weighted sum.

        Returns:
            {term: unweighted scalar}, "loss" (the weighted sum) and, in training, the weights as `weight_<term>`.
        """
        values = super().forward(output, batch)
        if not self.training:
            return values
        loss = values.pop("loss")
        learned_weights = {}
        for name, s in self.log_variance.items():
            loss = loss + ((-s).exp() - self.weights[name]) * values[name] + s / 2
            learned_weights[f"weight_{name}"] = (-s).exp().detach()
        return values | learned_weights | {"loss": loss}
