"""Measure: cost of a model: parameters, floating-point operations, time and memory."""

import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from multimodal.checks import check_whole
from multimodal.dataset.data import Split
from multimodal.evaluation.context import Context, Measured
from multimodal.model import MultimodalModel
from multimodal.types import Batch

UNTIMED = 2  # forward passes, to warm up; one where a pass is long
ENOUGH = 1.0  # second of passes after the first: one more of a large encoder says little


class Cost:
    """Measures the cost of inference, and reports the speed of training.

    Args:
        repeats: number of timed forward passes, at most; none begins once those after the first have taken a second.
    """

    def __init__(self, repeats: int) -> None:
        check_whole("evaluation.measures.cost", repeats=repeats)
        self.repeats = repeats

    def __call__(self, context: Context) -> Measured:
        """Return the scores under `cost`; the speed of training only if there is a history."""
        return Measured(cost(context.model, context.test, self.repeats) | training_speed(context.history))


def training_speed(history: list[dict[str, float]]) -> dict[str, float]:
    """Compute the median training speed in samples per second; nothing if there is no history."""
    speeds = [row["train/samples_per_s"] for row in history]
    return {"cost/train_samples_per_s": statistics.median(speeds)} if speeds else {}


@torch.no_grad()
def cost(model: MultimodalModel, split: Split, repeats: int) -> dict[str, float]:
    """Compute the cost of one forward pass with every head, captions teacher-forced.

    Returns:
        `cost/parameters`: number of trainable parameters.
        `cost/fusion_parameters`: those of the fusion.
        `cost/flops`: operations per sample, a multiplication and its addition counted as two (PyTorch's counter, which
            counts convolutions and matrix products).
        `cost/ms_per_sample_batch1`, `cost/ms_per_sample_batch64`: median milliseconds per sample.
        `cost/peak_memory_mb`: peak memory of the process so far, in a sweep also of its earlier jobs; on a GPU that of
            its tensors; absent on Windows.
    """
    model.eval()
    device = next(model.parameters()).device
    rows = (torch.arange(size) % len(split) for size in (1, 64))
    one, many = (replace(split.batch(some, device), features={}) for some in rows)  # a frozen encoder costs as well
    with uncounted_kernels_off(), FlopCounterMode(display=False) as counter:
        model(one)
    seconds = {size: median_seconds(model, batch, repeats) for size, batch in {1: one, 64: many}.items()}
    return {
        "cost/parameters": count_trainable(model),
        "cost/fusion_parameters": count_trainable(model.fusion),
        "cost/flops": counter.get_total_flops(),
        "cost/ms_per_sample_batch1": 1000 * seconds[1],
        "cost/ms_per_sample_batch64": 1000 * seconds[64] / 64,
    } | ({} if sys.platform == "win32" else {"cost/peak_memory_mb": peak_memory(device)})


@contextmanager
def uncounted_kernels_off() -> Iterator[None]:
    """Turn off fused LSTMs (oneDNN, cuDNN) and the fused transformer layer, which PyTorch's counter does not see."""
    fused = torch.backends.mha.get_fastpath_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about a flag for Intel's GPUs, which is set along with the other
        with torch.backends.mkldnn.flags(enabled=False), torch.backends.cudnn.flags(enabled=False):
            torch.backends.mha.set_fastpath_enabled(False)
            try:
                yield
            finally:
                torch.backends.mha.set_fastpath_enabled(fused)


def count_trainable(module: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def median_seconds(model: MultimodalModel, batch: Batch, repeats: int) -> float:
    """Measure the median seconds of so many forward passes after two untimed ones, of fewer where they take long."""
    seconds: list[float] = []
    while len(seconds) < 2 or (len(seconds) < repeats + UNTIMED and sum(seconds[1:]) < ENOUGH):
        start = time.perf_counter()
        output = model(batch)
        output.label.sum().item()  # waits for a GPU
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[min(UNTIMED, len(seconds) - 1) :])


def peak_memory(device: torch.device) -> float:
    """Return the peak memory in megabytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    import resource  # only on Unix

    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kibibytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
