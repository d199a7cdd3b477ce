"""Files of weights: safetensors, or a state dict of torch.save; nothing in them is run."""

from torch import Tensor, nn

from multimodal.encoder.extra import import_extra
from multimodal.paths import expanded
from multimodal.torch_file import read_torch_file


def read_weights_file(path: str) -> dict[str, Tensor]:
    """Read {name: tensor} from a file.

    Raises:
        ValueError: the file cannot be read, is no state dict, or holds weights that are not finite.
    """
    file = expanded(path)
    try:
        if file.suffix == ".safetensors":
            state = import_extra("safetensors.torch", "transformers", "a .safetensors file").load_file(file)
        else:
            state = read_torch_file(file, legacy=True)
    except Exception as error:  # SafetensorError is of no public base
        raise ValueError(f"PyTorch cannot read {path} as a state dict: {error}") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} is not a state dict, {{name: tensor}}")
    bad = [name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if bad:
        raise ValueError(f"{path} holds weights that are not finite: {bad[0]}")
    return state


def load_weights(network: nn.Module, state: dict[str, Tensor], file: str, name: str) -> None:
    """Load a state dict; ValueError, naming the file and the network, if it is one of another network."""
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{file} does not contain the weights of {name}: {error}") from error
