"""The state of every random generator that training draws from: PyTorch's, the only ones that a run's seed sets."""

import torch
from torch import Tensor


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Of the CPU, and of the device if it has its own."""
    state = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        state[device.type] = torch.get_device_module(device).get_rng_state()
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """The generators go on as they would have when `random_state` was asked."""
    torch.set_rng_state(state["cpu"])
    if device.type in state and device.type != "cpu":  # a run may go on on another kind of device
        torch.get_device_module(device).set_rng_state(state[device.type])
