"""Measure: what a model costs: parameters, floating-point operations, time and memory."""

import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from multimodal.checks import check_whole
from multimodal.dataset.data import Split
from multimodal.evaluation.context import Context, Measured
from multimodal.model import MultimodalModel
from multimodal.types import Batch


class Cost:
    """Cost of inference, and the speed that training had.

    Args:
        repeats: forward passes that are timed.
    """

    def __init__(self, repeats: int) -> None:
        check_whole("evaluation.measures.cost", repeats=repeats)
        self.repeats = repeats

    def __call__(self, context: Context) -> Measured:
        """Return the scores under `cost`; without a history no speed of training."""
        return Measured(cost(context.model, context.test, self.repeats) | training_speed(context.history))


def training_speed(history: list[dict[str, float]]) -> dict[str, float]:
    """Compute the median of the samples a second in training; nothing for a bare checkpoint, which has no history."""
    speeds = [row["train/samples_per_s"] for row in history]
    return {"cost/train_samples_per_s": statistics.median(speeds)} if speeds else {}


@torch.no_grad()
def cost(model: MultimodalModel, split: Split, repeats: int) -> dict[str, float]:
    """Compute the cost of one forward pass with every head, captions teacher-forced.

    `cost/parameters` are the trained ones, `cost/fusion_parameters` those of them from the embeddings to z;
    `cost/flops` a sample's, a multiplication with its addition counted as two (PyTorch's counter: convolutions and
    matrix products); `cost/ms_per_sample_batch1` and `_batch64` medians in milliseconds; `cost/peak_memory_mb` of
    the process so far (in a sweep also of its jobs before this one), on a GPU of its tensors; not on Windows.
    """
    model.eval()
    device = next(model.parameters()).device
    one, many = (split.batch(torch.arange(size) % len(split), device) for size in (1, 64))
    with uncounted_kernels_off(), FlopCounterMode(display=False) as counter:
        model(one)
    seconds = {size: median_seconds(model, batch, repeats) for size, batch in {1: one, 64: many}.items()}
    return {
        "cost/parameters": trained(model),
        "cost/fusion_parameters": trained(model.fusion),
        "cost/flops": counter.get_total_flops(),
        "cost/ms_per_sample_batch1": 1000 * seconds[1],
        "cost/ms_per_sample_batch64": 1000 * seconds[64] / 64,
    } | ({} if sys.platform == "win32" else {"cost/peak_memory_mb": peak_memory(device)})


@contextmanager
def uncounted_kernels_off() -> Iterator[None]:
    """Turn off the fused LSTMs of oneDNN and cuDNN and the fused transformer layer, which PyTorch's counter misses."""
    fused = torch.backends.mha.get_fastpath_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a flag for Intel's GPUs, which is set along with the other
        with torch.backends.mkldnn.flags(enabled=False), torch.backends.cudnn.flags(enabled=False):
            torch.backends.mha.set_fastpath_enabled(False)
            try:
                yield
            finally:
                torch.backends.mha.set_fastpath_enabled(fused)


def trained(module: nn.Module) -> int:
    """Count the parameters that have a gradient."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def median_seconds(model: MultimodalModel, batch: Batch, repeats: int) -> float:
    """Measure the median seconds of a forward pass, two more beforehand left out."""
    seconds = []
    for _ in range(repeats + 2):
        began = time.perf_counter()
        output = model(batch)
        output.label.sum().item()  # waits for a GPU
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[2:])


def peak_memory(device: torch.device) -> float:
    """Return the peak memory in megabytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    import resource  # of Unix alone

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kibibytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
