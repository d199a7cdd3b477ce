"""The training loss: a weighted sum of named terms."""

from collections.abc import Iterable, Mapping
from typing import cast

from torch import Tensor, nn

from multimodal.checks import check_number
from multimodal.loss.distributed import global_mean
from multimodal.model import no_head
from multimodal.types import MODALITIES, Batch, Output


class WeightedLoss(nn.Module):
    """Sum the loss terms and the auxiliary losses of fusion and image head, each multiplied by its weight.

    A term with weight 0 is not computed and has no place in the history.

    Args:
        terms: {name: module (output, batch) -> scalar}. A module may state by its attribute `head` which head's output
            it reads: `build_loss` leaves it out where the model has no such head, or one that has losses of its own.
        weights: {name: factor}, 0 or more, for every term and every auxiliary loss (a mean over samples).

    Raises:
        ValueError: if there is no term with a weight above 0, a term has no weight, or a weight is negative.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> from multimodal.loss.label import LabelCrossEntropy
        >>> loss = WeightedLoss({"label": LabelCrossEntropy(smoothing=0.0)}, {"label": 2.0, "kl": 0.5})
        >>> output = SimpleNamespace(label=torch.zeros(2, 4), aux_losses={"kl": torch.tensor(3.0)})
        >>> values = loss(output, SimpleNamespace(label=torch.tensor([0, 3])))
        >>> {name: round(value.item(), 4) for name, value in values.items()}  # 2 log 4 + 0.5 * 3
        {'label': 1.3863, 'kl': 3.0, 'loss': 4.2726}
    """

    def __init__(self, terms: dict[str, nn.Module], weights: dict[str, float]) -> None:
        super().__init__()
        if not terms:
            raise ValueError("loss.terms must have an entry or more, got none")
        check_number("loss.weights", least=0, **weights)
        check_weights(terms, weights)
        if not any(weights[name] for name in terms):
            raise ValueError(f"loss.weights must be above 0 for one or more of {', '.join(terms)}, got 0 for all")
        self.terms = nn.ModuleDict({name: term for name, term in terms.items() if weights[name] > 0})
        self.weights = dict(weights)

    def forward(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Compute all terms and their weighted sum.

        Returns:
            {term: unweighted scalar} and "loss", the weighted sum.

        Raises:
            ValueError: if an auxiliary loss has the name of a term, or no weight; or a term reads an absent head.
        """
        values = {name: compute_term(name, term, output, batch) for name, term in self.terms.items()}
        twice = sorted(set(values) & set(output.aux_losses))
        if twice:
            raise ValueError(f"auxiliary losses have names of loss terms: {twice}; rename one of each")
        size = len(output.label)
        values |= {name: global_mean(term, size, self.training) for name, term in output.aux_losses.items()}
        check_weights(values, self.weights)
        loss = cast(Tensor, sum(self.weights[name] * value for name, value in values.items()))
        return values | {"loss": loss}

    def after_backward(self, encoders: Mapping[str, nn.Module]) -> None:
        """Change the gradients of {modality: encoder} before clipping; here nothing, subclasses may override it."""


def compute_term(name: str, term: nn.Module, output: Output, batch: Batch) -> Tensor:
    """Compute a term; raise ValueError if it fails on an output without image or text that it does not know to miss."""
    try:
        return term(output, batch)
    except (AttributeError, TypeError) as error:
        absent = [head for head in MODALITIES if getattr(output, head) is None]
        if not absent:
            raise
        stated = " or ".join(f'head = "{head}"' for head in absent)
        raise ValueError(
            f"loss.terms.{name} failed ({error}): {' and '.join(map(no_head, absent))}; if its class states {stated}, "
            f"it is left out then"
        ) from error


def check_weights(terms: Iterable[str], weights: Mapping[str, float]) -> None:
    """Raise ValueError unless every term has a weight."""
    unknown = sorted(set(terms) - set(weights))
    if unknown:
        raise ValueError(f"loss terms without a weight: {unknown}; set loss.weights.<name> for each of them")
