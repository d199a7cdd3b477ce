"""Multimodal learning from images and their captions: the public names, each loaded when it is first used.

>>> import multimodal
>>> data = multimodal.load_data("experiment=quick", "dataset.source=embedded")
>>> model = multimodal.build_model("fusion=film", data=data)
>>> type(model.fusion).__name__
'FiLMFusion'
"""

from importlib import import_module
from typing import Any

__all__ = ["Prediction", "TrainedRun", "build_model", "compare", "load", "load_data", "train"]


def __getattr__(name: str) -> Any:
    """Import `multimodal.api` only once one of its names is used, so that `import multimodal` is quick."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("multimodal.api"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
