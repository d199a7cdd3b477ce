"""Models of Hugging Face's transformers, from the hub or a folder: with a tokenizer and all weights that are read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from multimodal.encoder.hub import from_cache_without_network
from multimodal.paths import expanded


@contextmanager
def loading(setting: str, name: str) -> Iterator[str]:
    """Yield what a model is loaded from, a folder or its name on the hub, and say in a line why it cannot be.

    Args:
        setting: that names the model, such as `encoder.text.name`.
        name: its value.

    Raises:
        ValueError: there is no such folder, or the block raises.
    """
    folder = expanded(name)
    here = folder.is_dir()
    if not here and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ValueError(f"{setting}: there is no folder {name}")
    try:
        with nullcontext() if here else from_cache_without_network():
            yield str(folder) if here else name
    except Exception as error:  # those of safetensors and of the hub's clients have no public base
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"{setting}={name} cannot be loaded from a folder or the hub: {reason}; give a model's name on the hub, or "
            "a folder with its config.json, model.safetensors and, for captions, tokenizer.json"
        ) from error


def load_pretrained(kind: Any, source: str, part: Callable[[Any], nn.Module]) -> nn.Module:
    """Load a model with its weights, from safetensors alone, and return the part of it that is read.

    Args:
        kind: class of transformers.
        source: a folder, or a name on the hub.
        part: selects what is read of the model.

    Raises:
        ValueError: the file lacks weights that are read, which would be random ones, or holds some that are not finite.
    """
    whole, found = kind.from_pretrained(source, use_safetensors=True, dtype=torch.float32, output_loading_info=True)
    network = part(whole)
    # a pooler is not read, and many files have none
    read = {id(weight) for name, weight in network.named_parameters() if "pooler" not in name.split(".")}
    weights = {name: weight for name, weight in whole.named_parameters() if id(weight) in read}
    lacking = [name for name in weights if name in found["missing_keys"]]
    if lacking:
        raise ValueError(f"its weights lack {len(lacking)} of {len(weights)} that the model reads, as {lacking[0]}")
    bad = [name for name, weight in weights.items() if not weight.isfinite().all()]
    if bad:
        raise ValueError(f"its weights are not finite: {bad[0]}")
    return network


def load_tokenizer(transformers: Any, source: str) -> Any:
    """Load a model's tokenizer.

    Raises:
        ValueError: it has no tokenizer.json; without any file, transformers makes one to which every word is unknown.
    """
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    words = set(tokenizer.get_vocab()).difference(tokenizer.all_special_tokens)
    if not tokenizer.is_fast or len(words) < 2:  # an empty one of the kind of T5 knows the sign of a space
        raise ValueError("it has no tokenizer.json")
    return tokenizer
