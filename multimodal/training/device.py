"""Which device and precision a run uses, checked before anything starts."""

import os

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy


def make_fabric(accelerator: str, devices: int, precision: str) -> Fabric:
    """Lightning Fabric for one process a device.

    Args:
        accelerator: `auto`, `cpu`, `cuda` or another of Fabric's.
        devices: how many of them, 1 or more.
        precision: `auto` (bf16 where the hardware multiplies it, else 32-true) or one of Fabric's.
    """
    if devices < 1:
        raise ValueError(f"training.devices must be 1 or more, got {devices}")
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cpu" and devices > os.cpu_count():
        raise ValueError(f"training.devices={devices} wants as many CPU cores, this machine has {os.cpu_count()}")
    if accelerator == "cuda" and torch.cuda.device_count() < devices:
        raise ValueError(
            f"training.accelerator=cuda with training.devices={devices} needs as many CUDA devices, "
            f"this machine has {torch.cuda.device_count()}; training.accelerator=cpu runs without"
        )
    if precision == "auto":
        precision = "bf16-mixed" if has_bf16(accelerator) else "32-true"
    strategy = "auto"
    if devices > 1:  # a fusion may leave a part of an encoder without gradient
        start = "spawn" if accelerator == "cuda" else "fork"
        strategy = DDPStrategy(start_method=start, find_unused_parameters=True)
    try:
        return Fabric(accelerator=accelerator, devices=devices, strategy=strategy, precision=precision)
    except (ImportError, RuntimeError) as error:
        raise ValueError(f"training.accelerator={accelerator} cannot be used here: {error}") from error


def has_bf16(accelerator: str) -> bool:
    """Whether bf16 is computed by the hardware rather than emulated."""
    if accelerator == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return accelerator == "cpu" and torch.cpu._is_avx512_bf16_supported()
