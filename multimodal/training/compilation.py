"""What torch.compile needs to turn a training step into one graph."""

import os
import shutil
from contextlib import AbstractContextManager
from dataclasses import replace

import torch
from torch import nn

from multimodal.types import PAD, Batch


def check_compiler(accelerator: str) -> None:
    """Raise ValueError if code is to be generated for the CPU and there is no C++ compiler."""
    compiler = os.environ.get("CXX", "g++")
    if accelerator == "cpu" and shutil.which(compiler) is None:
        raise ValueError(
            f"training.compile=true needs a C++ compiler, but there is no {compiler}; "
            "install one, name yours by the environment variable CXX, or set training.compile=false"
        )


def recurrent_layers_compiled() -> AbstractContextManager[None]:
    """Let torch.compile unroll LSTMs and GRUs over the words while the block runs; by default it breaks the graph."""
    return torch._dynamo.config.patch(allow_rnn=True)


def pad_captions(batch: Batch, length: int) -> Batch:
    """Pad tokens (B, T) to (B, length): a graph with an unrolled layer is of one length; padding changes nothing."""
    return replace(batch, tokens=nn.functional.pad(batch.tokens, (0, length - batch.tokens.shape[1]), value=PAD))
