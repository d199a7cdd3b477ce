"""The training step as one graph of torch.compile."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor, nn

from multimodal.model import MultimodalModel
from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import PAD


class CompiledTrainingStep(TrainingStep):
    """A training step that torch.compile turns into one graph, at its first call in each mode.

    An LSTM or GRU is unrolled over the words; so that there is one graph and not one for each length, all captions are
    padded to the same length, which changes no result.

    Args:
        model: see `TrainingStep`.
        loss: see `TrainingStep`.
        length: number of tokens that all captions are padded to, the longest one's.
    """

    def __init__(self, model: MultimodalModel, loss: nn.Module, length: int) -> None:
        super().__init__(model, loss)
        self.length = length

    @cached_property  # of each process: what is compiled cannot be sent to another
    def compiled(self) -> Callable[[ExactBatch], dict[str, Tensor]]:
        """Return the step as torch.compile makes it."""
        return torch.compile(super().forward)

    def forward(self, exact: ExactBatch) -> dict[str, Tensor]:
        """Compute what `TrainingStep` computes."""
        tokens = exact.batch.tokens
        padded = nn.functional.pad(tokens, (0, self.length - tokens.shape[1]), value=PAD)
        with torch._dynamo.config.patch(allow_rnn=True):  # by default an LSTM or GRU breaks the graph
            return self.compiled(ExactBatch(replace(exact.batch, tokens=padded)))


def check_compiler(accelerator: str) -> None:
    """Raise ValueError if code is to be generated for the CPU and there is no C++ compiler."""
    compiler = os.environ.get("CXX", "g++")
    if accelerator == "cpu" and shutil.which(compiler) is None:
        raise ValueError(
            f"training.compile=true needs a C++ compiler, but there is no {compiler}; "
            "install one, name yours by the environment variable CXX, or set training.compile=false"
        )
