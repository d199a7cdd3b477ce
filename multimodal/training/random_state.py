"""State of the random generators that training uses: only PyTorch's, which a run's seed sets."""

import torch
from torch import Tensor


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Return {device type: state} of the CPU's generator, and of the device's if it has its own."""
    state = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        state[device.type] = torch.get_device_module(device).get_rng_state()
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Set the generators to a state that `random_state` returned."""
    torch.set_rng_state(state["cpu"])
    if device.type in state and device.type != "cpu":  # a run may resume on another kind of device
        torch.get_device_module(device).set_rng_state(state[device.type])
