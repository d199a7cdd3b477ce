"""Captions of a handwritten digit and their reading: text only, no pixels.

A caption states four attributes, digit, stroke, slant and width, in five to seven words. Each value has a
word of its own, so a caption with words lost, added or out of order is still read for what it does state.
"""

import numpy as np

VALUES = {
    "digit": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "stroke": ("thin", "medium", "thick"),
    "slant": ("left", "upright", "right"),
    "width": ("narrow", "regular", "wide"),
}

# (sentence, how it says a lean to the left or right, how it says upright)
TEMPLATES = (
    ("a {width} {stroke} {digit} {slant}", "slanted {side}", "standing upright"),
    ("{width} {slant} {digit} in {stroke} strokes", "{side} leaning", "upright"),
    ("{stroke} {digit} {slant} and {width}", "leaning {side}", "upright"),
    ("this {width} {stroke} {digit} {slant}", "leans {side}", "stands upright"),
    ("{width} {digit} {slant} with {stroke} lines", "tilted {side}", "standing upright"),
)

_ATTRIBUTE = {word: name for name, words in VALUES.items() for word in words}


def write(attributes: dict[str, str], rng: np.random.Generator) -> str:
    """Says all four attributes in a sentence drawn by `rng`."""
    for name, words in VALUES.items():
        if attributes.get(name) not in words:
            raise ValueError(f"{name} must be one of {words}, got {attributes.get(name)!r}")
    sentence, lean, upright = TEMPLATES[rng.integers(len(TEMPLATES))]
    side = attributes["slant"]
    slant = upright if side == "upright" else lean.format(side=side)
    return sentence.format(**attributes | {"slant": slant})


def parse(caption: str) -> dict[str, str]:
    """Reads what is stated; an attribute that is not is missing, of two that contradict the first wins."""
    found: dict[str, str] = {}
    for word in caption.lower().split():
        if word in _ATTRIBUTE:
            found.setdefault(_ATTRIBUTE[word], word)
    return found
