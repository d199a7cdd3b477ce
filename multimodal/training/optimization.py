"""Optimizer and learning rate schedule, as `conf/optimizer` and `conf/scheduler` configure them."""

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from multimodal.checks import check_number


def check_optimization(optimizer: partial[Optimizer], scheduler: partial[LRScheduler], steps: int) -> None:
    """Check the settings of optimizer and scheduler before a model is built.

    Raises:
        ValueError: if one of them does not accept its settings.
    """
    parts: dict[str, partial[Any]] = {"optimizer": optimizer, "scheduler": scheduler}
    settings = optimizer.keywords
    check_number("optimizer", above=0, **{name: settings[name] for name in ("lr",) if name in settings})
    check_number("optimizer", least=0, **{name: settings[name] for name in ("weight_decay",) if name in settings})
    check_number("optimizer", least=0, below=1, **{name: settings[name] for name in ("momentum",) if name in settings})
    try:
        scheduler(optimizer([nn.Parameter(torch.zeros(1))]), steps)
    except (TypeError, ValueError, RuntimeError) as error:
        if any(f"{node}." in str(error) for node in parts):  # the schedule's own words
            raise
        given = [f"{node}.{name}={value}" for node, part in parts.items() for name, value in part.keywords.items()]
        raise ValueError(f"optimizer and scheduler: {error}; given were {', '.join(given)}") from error


def build_optimizer(optimizer: partial[Optimizer], module: nn.Module, unfused: bool) -> Optimizer:
    """Build the optimizer for the trainable parameters of a module.

    Args:
        optimizer: the class with its settings.
        module: its matrices get the optimizer's weight decay; its biases, norms and temperatures get none.
        unfused: whether to avoid the fused implementation, which unscales gradients too late for clipping with a loss
            scaler.
    """
    trained = [p for p in module.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.ndim > 1]},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if unfused and optimizer.keywords.get("fused"):
        return optimizer(groups, fused=False)
    return optimizer(groups)


def settings_of(target: partial[Any]) -> dict[str, Any]:
    """Return the name and the settings of a configured class or function, to tell runs apart."""
    return {"target": f"{target.func.__module__}.{target.func.__qualname__}"} | target.keywords
