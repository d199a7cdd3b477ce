"""Files of weights: safetensors, or a state dict of torch.save; nothing in them is run."""

from torch import Tensor

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
