r"""Split text into words, for vocabulary and captions alike.

Words are runs of letters, digits and combining marks, and runs of everything else but spaces. Scripts that write
without spaces give one word per grapheme cluster (`\X` of Unicode's UAX 29), which needs no dictionary: Chinese and
Japanese characters, and the letters of Thai, Lao, Khmer and Myanmar with their marks.
"""

from collections.abc import Iterable
from unicodedata import normalize

import regex

LONGEST = 64  # characters of a word
# line breaking class SA: South East Asian scripts, whose words only a dictionary tells apart
UNSPACED = r"[[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{Line_Break=SA}]&&\p{L}]"
JOINED = r"[\p{M}\u200c\u200d]"  # marks and joiners belong to the letter before them
WORD = regex.compile(
    rf"(?:[[\p{{L}}\p{{N}}_]--{UNSPACED}]+{JOINED}*)++|(?={UNSPACED})\X|[^\p{{L}}\p{{N}}_\s\x1c-\x1f]+", regex.VERSION1
)


def split_words(text: str) -> list[str]:
    """Split a text into words and runs of punctuation, as they are written but in Unicode's composed form (NFC).

    A word ends after LONGEST characters, and the rest is dropped: figures take a minute to lay out 20,000 letters.

    >>> split_words("A cat's ears.")
    ['A', 'cat', "'", 's', 'ears', '.']
    >>> split_words("两只猫 2 cats")
    ['两', '只', '猫', '2', 'cats']
    """
    return [word[:LONGEST] for word in WORD.findall(normalize("NFC", text))]


def cut_words(texts: Iterable[str]) -> set[str]:
    """Return the words that `split_words` cuts, in lower case; different ones may become one.

    >>> len(cut_words([f"{70 * 'a'}b {70 * 'a'}c", "a cat"]))
    2
    """
    long = (text for text in texts if len(text) > LONGEST)
    return {word for text in long for word in WORD.findall(normalize("NFC", text).lower()) if len(word) > LONGEST}


def tokenize(caption: str) -> list[str]:
    """Split a caption into lower-case words and runs of punctuation.

    >>> tokenize("A thin seven.")
    ['a', 'thin', 'seven', '.']
    """
    return split_words(normalize("NFC", caption).lower())
