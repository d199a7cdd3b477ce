"""A tiny split and an untrained model of its sizes."""

import pytest
import torch

from multimodal.dataset.data import Split
from multimodal.runs.build import build_model


@pytest.fixture
def split(batch) -> Split:
    """The samples of `batch`, as they are stored."""
    return Split((255 * batch.image).to(torch.uint8), batch.tokens.int(), batch.label, batch.content)


@pytest.fixture
def model(config):
    torch.manual_seed(0)
    return build_model(config("fusion=attention"))
