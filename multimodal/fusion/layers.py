"""Layers and checks that several fusions use."""

import torch
from torch import Tensor, nn

from multimodal.checks import check_whole
from multimodal.types import Encoded


def perceptron(inputs: int, hidden: int, dim: int) -> nn.Sequential:
    """Return a perceptron with one hidden layer and a LayerNorm, which gives all fusions outputs of the same scale.

    Raises:
        ValueError: `hidden` is not a whole number of 1 or more.

    Example:
        >>> perceptron(inputs=16, hidden=32, dim=8)(torch.randn(2, 16)).shape
        torch.Size([2, 8])
    """
    check_whole("fusion", hidden=hidden)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, dim), nn.LayerNorm(dim))


def check_several(modalities: list[str]) -> tuple[str, ...]:
    """Return the modalities as a tuple.

    Raises:
        ValueError: there are fewer than two, or one is repeated.

    Example:
        >>> check_several(["image", "text"])
        ('image', 'text')
    """
    if len(set(modalities)) < max(2, len(modalities)):
        raise ValueError(f"fusion.modalities must be two or more different modalities, got {modalities}")
    return tuple(modalities)


def check_pair(modalities: list[str]) -> tuple[str, ...]:
    """Return the two modalities as a tuple.

    Raises:
        ValueError: there are not exactly two, or one is repeated.

    Example:
        >>> check_pair(["text", "image"])
        ('text', 'image')
    """
    if len(modalities) != 2:
        raise ValueError(f"fusion.modalities must be exactly two for this fusion, got {modalities}")
    return check_several(modalities)


def stack(encoded: dict[str, Encoded], modalities: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Return the pooled embeddings (B, M, D) and the presence masks (B, M) in the order of `modalities`.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> [tuple(x.shape) for x in stack(encoded, ("text", "image"))]
        [(2, 2, 8), (2, 2)]
    """
    pooled = torch.stack([encoded[m].pooled for m in modalities], dim=1)
    return pooled, torch.stack([encoded[m].present for m in modalities], dim=1)


def mean_of_present(x: Tensor, present: Tensor) -> Tensor:
    """Compute the mean over the present modalities: (B, M, ...), (B, M) -> (B, ...); 0 if all are absent.

    Example:
        >>> mean_of_present(torch.tensor([[[2.0], [4.0]], [[2.0], [4.0]]]), torch.tensor([[True, True], [True, False]]))
        tensor([[3.],
                [2.]])
    """
    weight = present.to(x.dtype) / present.sum(1, keepdim=True).clamp(min=1)
    # no matrix product, because autocast would round it
    return (x * weight.view(*present.shape, *[1] * (x.ndim - 2))).sum(1)
