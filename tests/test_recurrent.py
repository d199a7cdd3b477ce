"""Recurrent layers keep their precision where autocast on a GPU would take float16 for bfloat16."""

import pytest
import torch
from torch import Tensor, nn

from multimodal.recurrent import run_recurrent


class OnGPU(Tensor):
    """Says that it is on a GPU."""

    is_cuda = True


@pytest.fixture
def layer() -> nn.LSTM:
    torch.manual_seed(0)
    return nn.LSTM(3, 4, batch_first=True)


@pytest.mark.parametrize(("asked", "answered"), [(torch.bfloat16, torch.float32), (torch.float16, None)], ids=str)
def test_of_bfloat16_alone_a_gpu_computes_in_the_precision_of_the_weights(asked, answered, layer, monkeypatch) -> None:
    """The layer's own state goes on to the next call."""
    seen = []
    forward = layer.forward

    def watched(x: Tensor, state: object) -> tuple[Tensor, object]:
        seen.append((x.dtype, torch.is_autocast_enabled("cuda")))
        return forward(x.as_subclass(Tensor).float(), state)

    monkeypatch.setattr(layer, "forward", watched)
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    x = torch.rand(2, 5, 3).to(asked)
    torch.set_autocast_enabled("cuda", True)
    torch.set_autocast_dtype("cuda", asked)
    try:
        _, state = run_recurrent(layer, x[:, :2].as_subclass(OnGPU))
        rest, _ = run_recurrent(layer, x[:, 2:].as_subclass(OnGPU), state)
    finally:
        torch.set_autocast_enabled("cuda", False)
        torch.set_autocast_dtype("cuda", torch.float16)
    torch.testing.assert_close(rest, forward(x.float())[0][:, 2:])
    assert seen == 2 * [(answered or asked, answered is None)]


def test_elsewhere_the_layer_is_called_as_it_is(layer) -> None:
    x = torch.rand(2, 5, 3)
    torch.testing.assert_close(run_recurrent(layer, x)[0], layer(x)[0], rtol=0, atol=0)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(run_recurrent(layer, x)[0], layer(x)[0], rtol=0, atol=0)
