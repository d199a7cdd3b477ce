"""Captions of a handwritten digit: write a caption from attributes, and parse the attributes of a caption.

A caption states four attributes, digit, stroke, slant and width, in five to seven words. Each value has a unique
word, so captions with missing, added or reordered words can still be parsed.
"""

import numpy as np

VALUES = {
    "digit": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "stroke": ("thin", "medium", "thick"),
    "slant": ("left", "upright", "right"),
    "width": ("narrow", "regular", "wide"),
}

# (sentence, wording of a slant to the left or right, wording of upright)
TEMPLATES = (
    ("a {width} {stroke} {digit} {slant}", "slanted {side}", "standing upright"),
    ("{width} {slant} {digit} in {stroke} strokes", "{side} leaning", "upright"),
    ("{stroke} {digit} {slant} and {width}", "leaning {side}", "upright"),
    ("this {width} {stroke} {digit} {slant}", "leans {side}", "stands upright"),
    ("{width} {digit} {slant} with {stroke} lines", "tilted {side}", "standing upright"),
)

_ATTRIBUTE = {word: name for name, words in VALUES.items() for word in words}


def write(attributes: dict[str, str], rng: np.random.Generator) -> str:
    """Write a caption that states all four attributes, with a random template.

    Raises:
        ValueError: an attribute is missing or has a word outside its `VALUES`.
    """
    for name, words in VALUES.items():
        if attributes.get(name) not in words:
            raise ValueError(f"{name} must be one of {words}, got {attributes.get(name)!r}")
    sentence, lean, upright = TEMPLATES[rng.integers(len(TEMPLATES))]
    side = attributes["slant"]
    slant = upright if side == "upright" else lean.format(side=side)
    return sentence.format(**attributes | {"slant": slant})


def parse(caption: str) -> dict[str, str]:
    """Parse the attributes that a caption states; of contradictory words the first one counts.

    Returns:
        {attribute: word}, without the attributes that are not stated.

    >>> parse("a wide thin seven")
    {'width': 'wide', 'stroke': 'thin', 'digit': 'seven'}
    """
    attributes: dict[str, str] = {}
    for word in caption.lower().split():
        if word in _ATTRIBUTE:
            attributes.setdefault(_ATTRIBUTE[word], word)
    return attributes
