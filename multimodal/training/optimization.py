"""Optimizer and schedule from what `conf/optimizer` and `conf/scheduler` name."""

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from multimodal.checks import check_number


def check_optimization(optimizer: partial[Optimizer], scheduler: partial[LRScheduler], steps: int) -> None:
    """Raise ValueError for settings that optimizer or scheduler do not take, before there is a model."""
    settings = optimizer.keywords
    check_number("optimizer", above=0, **{name: settings[name] for name in ("lr",) if name in settings})
    check_number("optimizer", least=0, **{name: settings[name] for name in ("weight_decay",) if name in settings})
    try:
        scheduler(optimizer([nn.Parameter(torch.zeros(1))]), steps)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"optimizer and scheduler: {error}") from error


def build_optimizer(optimizer: partial[Optimizer], module: nn.Module, unfused: bool) -> Optimizer:
    """Return the optimizer of a module's trained parameters.

    Args:
        optimizer: the class with its settings.
        module: whose matrices get the optimizer's weight decay, and whose biases, norms and temperatures get none.
        unfused: whether a fused one is not allowed: with a loss scaler it unscales too late for the clipping.
    """
    trained = [p for p in module.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.ndim > 1]},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return optimizer(groups, **({"fused": False} if unfused and optimizer.keywords.get("fused") else {}))


def settings_of(target: partial[Any]) -> dict[str, Any]:
    """Return a target's name and settings, which make one run another."""
    return {"target": f"{target.func.__module__}.{target.func.__qualname__}"} | target.keywords
