"""Values that a checkpoint's config and record may hold and that are none of ours."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch

from tests.helpers.hostile.targets import COMMAND, OURS
from tests.helpers.hostile.whole import SECRET, State, part, put


def cyclic(state: State) -> None:
    """A config that holds itself."""
    state["record"]["config"]["extra"] = state["record"]["config"]


def doubling(state: State) -> None:
    """A list of two that are the same list of two, and so on: 2^60 values in a few bytes."""
    node: Any = "x"
    for _ in range(60):
        node = [node, node]
    state["record"]["config"]["extra"] = node


def deep(state: State) -> None:
    """A config deeper than Python's stack."""
    node: Any = {}
    for _ in range(150):
        node = {"a": node}
    state["record"]["config"]["extra"] = node | {"b": [COMMAND]}


VALUES: dict[str, Callable[[State], None]] = {
    "an environment variable": put("dataset.path", f"${{oc.env:{SECRET}}}"),
    "an environment variable in a text": put("dataset.name", f"digits ${{oc.env:{SECRET}}}"),
    "a resolver": put("extra", "${oc.create:{a: 1}}"),
    "our resolver": put("dim", "${or:16,16}"),
    "a reference": put("dim", "${sizes.image_size}"),
    "trust of its own": lambda state: [put("trust", ["os"])(state), put("fusion", COMMAND)(state)],
    "a key with a dot": put("extra", {"encoder.image": 1}),
    "a key of bytes": put("extra", {b"a": 1}),
    "a tensor": put("dim", torch.tensor(16)),
    "a set": put("fusion.modalities", {"image", "text"}),
    "a tuple": put("fusion.modalities", ("image", "text")),
    "an OrderedDict": put("fusion", OrderedDict(_target_=OURS)),
    "bytes": put("fusion._target_", OURS.encode()),
    "cyclic": cyclic,
    "doubling": doubling,
    "deep": deep,
    "a dataset's name that leads elsewhere": part(
        "record.choices", {"dataset": "../../x", "fusion": "a", "caption": "b"}
    ),
    "a fusion's name that is a path": part("record.choices", {"dataset": "a", "fusion": "/../b", "caption": "b"}),
    "a key that is a path": part("record.key", "/../../x"),
    "an evaluation's key that leads elsewhere": part("record.evaluation_key", "../x"),
    "an absolute evaluation's key": part("record.evaluation_key", "/x"),
    "a name of two lines": part("record.key", "a\nb"),
}
