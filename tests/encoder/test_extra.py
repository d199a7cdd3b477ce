"""A package that is not installed."""

import math

import pytest

from multimodal.encoder.extra import import_extra


def test_the_extra_that_brings_a_package_is_named() -> None:
    assert import_extra("math", "timm", "encoder/image=timm") is math
    with pytest.raises(ValueError, match=r"encoder/image=timm needs no_such: pip install 'multimodal-suite\[timm\]'"):
        import_extra("no_such", "timm", "encoder/image=timm")
