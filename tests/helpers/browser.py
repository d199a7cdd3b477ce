"""Where a headless Chromium is, why a test cannot use it, and two sizes of its window; conftest.py has the fixture."""

import shutil
from importlib.util import find_spec

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WHY_NOT = "playwright is not installed: pip install playwright"
if find_spec("playwright") is not None:
    WHY_NOT = "no Chromium on the path: apt-get install chromium" if CHROMIUM is None else ""
needs_browser = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
