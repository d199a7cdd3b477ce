"""Fonts for texts of any script: matplotlib's own, then those of the system that have more letters."""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib import font_manager

log = logging.getLogger(__name__)

# with the letters of Chinese, Japanese, Korean, Thai and Indian scripts, as Linux, macOS and Windows have them
NAMES = (
    "Noto Sans CJK SC, Noto Sans CJK JP, Noto Sans CJK KR, Noto Sans CJK TC, Noto Sans SC, Noto Sans JP, "
    "Noto Sans KR, Source Han Sans SC, WenQuanYi Zen Hei, WenQuanYi Micro Hei, PingFang SC, "
    "Hiragino Sans, Apple SD Gothic Neo, Microsoft YaHei, Yu Gothic, Malgun Gothic, Noto Sans Thai, "
    "Leelawadee UI, Noto Sans Devanagari, Nirmala UI, Noto Sans Arabic, Noto Sans Hebrew, "
    "Arial Unicode MS"
)
MORE = tuple(NAMES.split(", "))
MISSING = re.compile(r"Glyph (\d+) .*missing from font")
MOST = 10  # letters named in a message


@contextmanager
def fonts_for_all_scripts() -> Iterator[None]:
    """Draw and save figures with the fonts in `MORE` that this machine has; log once which letters none of them has."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    more = [name for name in MORE if name in installed]
    family = [*matplotlib.rcParams["font.family"], *more]
    with matplotlib.rc_context({"font.family": family}), warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", MISSING.pattern, UserWarning)
        yield
    letters = set()
    for warning in caught:
        if match := MISSING.match(str(warning.message)):
            letters.add(chr(int(match[1])))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if letters:
        log.warning(
            "figures: no font has %d letters of the captions or classes, %s%s: they are drawn as boxes; install fonts "
            "of their scripts, such as Noto Sans CJK",
            len(letters),
            " ".join(sorted(letters)[:MOST]),
            " …" if len(letters) > MOST else "",
        )
