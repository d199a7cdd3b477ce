"""Captions of the drawn animals: write a caption from attributes, and parse the attributes of a caption.

A colour word alone is ambiguous: "blue" may be the eyes or the background, "brown" the fur or the eyes. Only the
word together with its noun states an attribute, so a bag of words does not determine all attributes.
"""

import re

import numpy as np

VALUES = {
    "species": ("cat", "dog"),
    "fur": ("orange", "grey", "black", "white", "brown", "cream"),
    "pattern": ("plain", "striped", "spotted", "patched"),
    "ears": ("pointed", "round", "folded"),
    "eyes": ("green", "blue", "amber", "brown"),
    "background": ("red", "blue", "green", "yellow", "pink", "purple"),
    "mouth": ("tongue out", "mouth closed"),
}

# One option of each group is drawn per caption; `face` joins the phrases about ears, eyes and mouth, in random order.
TEMPLATES = (
    "a {coat} {species} with {face} {place}",
    "{place} a {coat} {species} with {face}",
    "a {species} with {coat} fur and {face} {place}",
    "this {species} {place} has a {coat} coat and {face}",
    "a {species} whose fur is {coat} with {face} {place}",
)
PHRASES = {
    "coat": ("{pattern} {fur}", "{fur} {pattern}"),
    "ears": ("{ears} ears", "its ears {ears}"),
    "eyes": ("{eyes} eyes", "two {eyes} eyes", "its eyes {eyes}"),
    "mouth": ("its {mouth}", "the {mouth}"),
    "place": ("on a {background} background", "in front of a {background} wall"),
}

# How each attribute is stated: # stands for its word, a name in braces for any word of that attribute.
STATED = {
    "species": "#",
    "fur": "# (?:{pattern} )?(?:cat|dog|fur|coat)|fur is (?:{pattern} )?#",
    "pattern": "# (?:{fur} )?(?:cat|dog|fur|coat)|fur is (?:{fur} )?#",
    "ears": "# ears|its ears #",
    "eyes": "# eyes|its eyes #",
    "background": "# (?:background|wall)",
    "mouth": "#",
}


def _compile(name: str) -> re.Pattern[str]:
    """Compile the regular expression that states one attribute; its only non-empty group is the word."""
    words = {other: f"(?:{'|'.join(values)})" for other, values in VALUES.items()}
    statement = STATED[name].format(**words).replace("#", f"({'|'.join(VALUES[name])})")
    return re.compile(rf"\b(?:{statement})\b")


STATEMENTS = {name: _compile(name) for name in VALUES}


def draw_attributes(rng: np.random.Generator) -> dict[str, str]:
    """Draw one word per attribute, independently and uniformly: {attribute: word}."""
    return {name: values[rng.integers(len(values))] for name, values in VALUES.items()}


def write(attributes: dict[str, str], rng: np.random.Generator) -> str:
    """Write a caption of 18 to 25 lower-case words that states every attribute.

    Raises:
        ValueError: an attribute is missing, unknown, or has a word outside its `VALUES`.
    """
    if attributes.keys() != VALUES.keys():
        raise ValueError(f"attributes must be {list(VALUES)}, got {list(attributes)}")
    for name, word in attributes.items():
        if word not in VALUES[name]:
            raise ValueError(f"{name} must be one of {VALUES[name]}, got {word!r}")
    phrases = {name: options[rng.integers(len(options))] for name, options in PHRASES.items()}
    stated = {name: phrase.format(**attributes) for name, phrase in phrases.items()}
    first, second, third = rng.permutation(["ears", "eyes", "mouth"])
    face = f"{stated[first]} and {stated[second]} and {stated[third]}"
    template = TEMPLATES[rng.integers(len(TEMPLATES))]
    text = template.format(species=attributes["species"], coat=stated["coat"], face=face, place=stated["place"])
    return re.sub(r"\ba (?=orange)", "an ", text)


def parse(caption: str) -> dict[str, str]:
    """Parse the attributes that a caption states: the inverse of `write` for every template.

    Also works on generated text. Case and punctuation are ignored. Of contradictory statements the first one counts.

    Returns:
        {attribute: word}, without the attributes that are not stated or whose word lacks its noun.
    """
    text = " ".join(re.findall("[a-z]+", caption.lower()))
    matches = {name: statement.search(text) for name, statement in STATEMENTS.items()}
    return {name: next(filter(None, match.groups())) for name, match in matches.items() if match is not None}
