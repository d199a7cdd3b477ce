"""The training loss: named terms, each with its weight."""

from collections.abc import Mapping

from torch import Tensor, nn

from multimodal.checks import check_number
from multimodal.loss.distributed import global_mean
from multimodal.types import Batch, Output


class WeightedLoss(nn.Module):
    """Sums terms by weight; a term that the fusion owes, a mean over its samples, is weighed here as well.

    Args:
        terms: {name: module (output, batch) -> scalar}.
        weights: {name: factor}, 0 or more, for every term and for whatever a fusion adds.
    """

    def __init__(self, terms: dict[str, nn.Module], weights: dict[str, float]) -> None:
        super().__init__()
        check_number("loss.weights", least=0, **weights)
        self.terms = nn.ModuleDict(terms)
        self.weights = dict(weights)

    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """{term: unweighted scalar}, and "loss", their weighted sum."""
        values = {name: term(output, batch) for name, term in self.terms.items()}
        twice = sorted(set(values) & set(output.aux_losses))
        if twice:
            raise ValueError(f"the fusion owes a term that the loss has already: {twice}; give it another name")
        size = len(output.label)
        values |= {name: global_mean(term, size, self.training) for name, term in output.aux_losses.items()}
        unknown = sorted(set(values) - set(self.weights))
        if unknown:
            raise ValueError(f"loss terms without a weight: {unknown}; set loss.weights.<name> for each")
        return values | {"loss": sum(self.weights[name] * value for name, value in values.items())}

    def after_backward(self, encoders: Mapping[str, nn.Module]) -> None:
        """Change the gradients of {modality: encoder} before they are clipped: nothing here, a subclass may."""
