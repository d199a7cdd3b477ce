"""A network that was trained elsewhere: it is trained on, or frozen, and then what it computes can be kept.

A frozen network is in no state dict, because its file holds it already: only its digest is.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn

from multimodal.types import Encoded

TOKEN_FEATURES = 16  # features of each token that the pooled embedding of an image reads
KEPT = torch.float16  # type of features that were computed before; no input has it


class Backbone(nn.Module):
    """Wraps a network; frozen, it stays as it is: no gradients, eval mode, and only a digest of it in the state dict.

    Args:
        network: of any inputs and outputs.
        frozen: whether it stays as it is.
        source: what a checkpoint's model needs beside weights, such as a tokenizer's file; counts for the digest.
    """

    digest: Tensor  # (32,) uint8

    def __init__(self, network: nn.Module, frozen: bool, source: str) -> None:
        super().__init__()
        self.frozen = frozen
        network.requires_grad_(not frozen)
        if frozen:
            for layer in network.modules():
                if isinstance(layer, nn.Conv2d):
                    layer.to(memory_format=torch.channels_last)  # a CPU convolves faster so
            vars(self)["network"] = network.eval()  # no submodule, so neither saved, nor trained, nor sent
        else:
            self.network = network
        digest = digest_of(network if frozen else None, source)
        self.register_buffer("digest", torch.tensor(list(digest), dtype=torch.uint8))

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """Move or convert the network as a submodule would be."""
        if self.frozen:
            self.network._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Call the network, without gradients if it is frozen."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.network(*inputs, **named)


class PretrainedEncoder(nn.Module):
    """An encoder with a backbone, and trained layers that read its features.

    If the backbone is frozen, features may be computed before training and given in place of the input.
    """

    backbone: Backbone
    code: str  # library with its version, and settings, that the features depend on beside the weights

    def features(self, x: Tensor) -> Tensor:
        """Compute what the trained layers read: (B, ...) -> (B, ...) float."""
        raise NotImplementedError

    def read(self, x: Tensor) -> Tensor:
        """Return the features of an input; those that were computed before, and rounded, as they are."""
        kind = next((parameter.dtype for parameter in self.parameters()), torch.float32)  # bf16 for bf16-true
        return x.to(kind) if x.dtype is KEPT else self.features(x)


class PretrainedImageEncoder(PretrainedEncoder):
    """A pretrained encoder of images, and trained layers to the shared width.

    The tokens are the features that have a position. The pooled embedding reads the classification token, or the mean
    where there is none, and, at its position, every token, because an image cannot be reconstructed from a mean.
    """

    prefix: int  # features without a position, such as the classification token, before the others

    def build_layers(self, dim: int, count: int, width: int) -> None:
        """Build the trained layers for `count` features of this width."""
        self.norm = nn.LayerNorm(width)
        self.to_tokens = nn.Linear(width, dim)
        self.narrow = nn.Linear(dim, TOKEN_FEATURES)
        self.to_pooled = nn.Linear(width + TOKEN_FEATURES * (count - self.prefix), dim)

    def forward(self, image: Tensor, present: Tensor) -> Encoded:
        """Encode images (B, C, H, W), or their features (B, T, F) -> Encoded with a token for each position."""
        features = self.norm(self.read(image))
        tokens = self.to_tokens(features[:, self.prefix :])
        whole = features[:, 0] if self.prefix else features.mean(1)
        pooled = self.to_pooled(torch.cat([whole, self.narrow(tokens).flatten(1)], dim=1))
        return Encoded(pooled, tokens, tokens.new_ones(tokens.shape[:2], dtype=torch.bool), present)


def as_sequence(x: Tensor) -> Tensor:
    """Flatten the positions of a map: (B, F, h, w), or (B, h, w, F) as of a Swin transformer -> (B, T, F)."""
    channels_last = x.shape[1] == x.shape[2] != x.shape[3]
    return x.flatten(1, 2) if channels_last else x.flatten(2).transpose(1, 2)


def digest_of(network: nn.Module | None, source: str) -> bytes:
    """Compute a SHA-256 of weights and a text; zeros for a network on the meta device, which has shapes only."""
    digest = hashlib.sha256(source.encode())
    for name, value in network.state_dict().items() if network is not None else ():
        if value.is_meta:
            return bytes(digest.digest_size)
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.digest()


def only_shapes() -> bool:
    """Return whether modules are being built on the meta device, where no weights are read."""
    return torch.empty(0).is_meta


@contextmanager
def fixed_seed(frozen: bool) -> Iterator[None]:
    """Draw random weights from seed 0 if they stay as drawn: the same in every run, and when they are built again."""
    if not frozen:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
