"""A tiny whole checkpoint, as training saves it, and changes of what it holds."""

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from multimodal.runs.build import build_model
from multimodal.runs.checkpoint import GENERATE_MAY_SET, Checkpoint, open_checkpoint
from multimodal.runs.composition import Composition, compose
from multimodal.runs.record import RunRecord
from multimodal.training.checkpoint_file import save_checkpoint
from multimodal.types import SPECIAL_WORDS
from tests.helpers.toy import SIZES

WORDS = [*SPECIAL_WORDS, "a", "thick", "seven", *(f"word{i}" for i in range(13))]
CANARY = "canary"  # a file that hostile code would write, and a module that it would import
SECRET = "MULTIMODAL_TEST_SECRET"  # an environment variable that it would read
State = dict[str, Any]


@cache
def whole_state() -> State:
    """The content of a whole checkpoint: a tiny model of digits with random weights, as training saves it."""
    composition = compose(["fusion=concat", "dim=16", "dataset.source=embedded", "training.precision=32-true"])
    sizes = SIZES | {"vocab_size": len(WORDS)}
    config = OmegaConf.to_container(OmegaConf.merge(composition.config, {"sizes": sizes}), resolve=True)
    record = RunRecord(
        config=config,
        choices=composition.choices,
        overrides=["fusion=concat"],
        data_source="embedded",
        fingerprint="00ff",
        weights={"image": "random", "text": "random"},
        checkpoint=None,
        key="12345678",
        evaluation_key="0e123456",
        code="1",
        fusion_code="2",
    )
    torch.manual_seed(0)
    model = build_model(OmegaConf.create(config)).state_dict()
    names = ["one", "two", "three"]
    return {"model": model, "record": record.as_dict(), "vocabulary": WORDS, "class_names": names, "step": 3}


@cache
def generating() -> Composition:
    """The config of `mode=generate`."""
    return compose(["mode=generate"])


def opened(file: Path, trust: Any = None) -> Checkpoint:
    """Open a checkpoint as `mode=generate` does."""
    composition = copy.deepcopy(generating())
    composition.config.checkpoint, composition.config.trust = str(file), trust
    return open_checkpoint(composition, GENERATE_MAY_SET)


def saved(folder: Path, change: Callable[[State], Any]) -> Path:
    """Write `hostile.pt`: a whole checkpoint with a change."""
    state = copy.deepcopy(whole_state())
    change(state)
    save_checkpoint(state, folder / "hostile.pt")
    return folder / "hostile.pt"


def put(place: str, value: Any) -> Callable[[State], None]:
    """A change of the config: a value in a dotted place, in which a number is the index of a list."""

    def change(state: State) -> None:
        *path, last = place.split(".")
        node = state["record"]["config"]
        for key in path:
            node = node[int(key)] if isinstance(node, list) else node.setdefault(key, {})
        if isinstance(node, list):
            node[int(last)] = value
        else:
            node[last] = value

    return change


def part(name: str, value: Any) -> Callable[[State], None]:
    """A change of a whole part: `record.key`, `vocabulary`."""

    def change(state: State) -> None:
        *path, last = name.split(".")
        for key in path:
            state = state[key]
        state[last] = value

    return change


def without(name: str) -> Callable[[State], None]:
    """A change that takes a part away."""

    def change(state: State) -> None:
        *path, last = name.split(".")
        for key in path:
            state = state[key]
        del state[last]

    return change


def tensor(change: Callable[[torch.Tensor], Any]) -> Callable[[State], None]:
    """A change of the weights' largest tensor."""

    def change_state(state: State) -> None:
        name = max(state["model"], key=lambda name: state["model"][name].numel())
        state["model"][name] = change(state["model"][name])

    return change_state


def first_value(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """A change of a tensor's first value."""

    def change(weights: torch.Tensor) -> torch.Tensor:
        weights = weights.clone()
        weights[(0,) * weights.ndim] = value
        return weights

    return change
