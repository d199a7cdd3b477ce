"""Whether the hub of pretrained networks answers: where it does not, its clients look in their cache at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import huggingface_hub

from multimodal.connectivity import answers

PROBE_SECONDS = 3.0  # without an answer the clients would try again for a minute


@contextmanager
def from_cache_without_network() -> Iterator[None]:
    """Put the hub's clients into their offline mode while the block runs, if the hub does not answer."""
    constants = huggingface_hub.constants
    if constants.HF_HUB_OFFLINE or answers(constants.ENDPOINT, PROBE_SECONDS):
        yield
        return
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = False
