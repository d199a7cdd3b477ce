"""Packages that only some encoders need: imported when such an encoder is built."""

import importlib
from types import ModuleType


def import_extra(package: str, extra: str, setting: str) -> ModuleType:
    """Import a package; raise ValueError, naming the extra of this suite that brings it, if it is not installed.

    Args:
        package: its name.
        extra: the extra's name.
        setting: the choice that needs it, such as `encoder/image=timm`.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ValueError(f"{setting} needs {package}: pip install 'multimodal-suite[{extra}]' ({error})") from error
