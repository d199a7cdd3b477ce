"""Captions without the words that reveal the class, so that text adds attributes only.

A word reveals a class if its presence in a training caption predicts that class. The share of its captions that
show the class is estimated by the lower end of Wilson's 95 % interval (Wilson 1927,
https://doi.org/10.1080/01621459.1927.10502953), so that a rare word is not replaced because of chance.
"""

import logging
from collections import Counter
from typing import TypedDict
from unicodedata import normalize

import numpy as np
from scipy.stats import binomtest
from torch import Tensor

from multimodal.checks import check_number
from multimodal.types import Captions
from multimodal.words import split_words, tokenize

log = logging.getLogger(__name__)

Score = TypedDict("Score", {"word": str, "class": str, "captions": int, "share": float, "score": float})


class AnonymousCaptions:
    """Replaces the words that reveal the class by a placeholder.

    Args:
        words: the words to replace, in any letter case; one that captions are split at, such as a Chinese word, is
            replaced as a whole. None selects single words by their score.
        threshold: words with this score or more are replaced. The score is 0 if the class is no more likely
            with the word than without any caption, and 1 if the word makes the class certain.
        placeholder: the word that replaces them.

    Raises:
        ValueError: a setting is out of range or of the wrong type.
    """

    def __init__(self, words: list[str] | None, threshold: float, placeholder: str) -> None:
        check_number("caption", above=0, most=1, threshold=threshold)
        texts = words if isinstance(words, list) and all(isinstance(word, str) for word in words) else []
        phrases = [tuple(tokenize(text)) for text in texts]
        if words is not None and (not phrases or () in phrases):
            raise ValueError(f"caption.words must be a list of words, or null to find them, got {words!r}")
        if not isinstance(placeholder, str) or split_words(placeholder) != [normalize("NFC", placeholder)]:
            raise ValueError(f"caption.placeholder must be one word, got {placeholder!r}")
        self.phrases = None if words is None else set(phrases)
        self.threshold, self.placeholder = threshold, normalize("NFC", placeholder)

    def apply(self, captions: dict[str, list[str]], content: dict[str, Tensor], class_names: list[str]) -> Captions:
        """Replace the words that reveal the class.

        Args:
            captions: {split: N texts}.
            content: {split: (N,) int64, the pictured class}.
            class_names: names of the classes.

        Returns:
            The changed captions. The table `class_words` has the rows of
            `score_words` and whether each word was replaced.

        Raises:
            ValueError: no training caption contains any of the words to replace.
        """
        words = {split: [tokenize(text) for text in texts] for split, texts in captions.items()}
        scores = score_words(words["train"], content["train"].numpy(), class_names)
        if self.phrases is None:
            revealing: set[tuple[str, ...]] = {(score["word"],) for score in scores if score["score"] >= self.threshold}
        else:
            revealing = self.phrases
            unused = revealing - {phrase for text in words["train"] for phrase, _ in runs(text, revealing)}
            missing = ", ".join(sorted(" ".join(phrase) for phrase in unused))
            if unused == revealing:
                raise ValueError(f"caption.words: no training caption has any of {missing}")
            if unused:
                log.warning("caption.words: no training caption has %s", missing)
        anonymous = {
            split: [
                " ".join(self.placeholder if replaced else phrase[0] for phrase, replaced in runs(text, revealing))
                for text in texts
            ]
            for split, texts in words.items()
        }
        table: list[dict[str, object]] = [{**score, "replaced": (score["word"],) in revealing} for score in scores]
        return Captions(anonymous, names_class=False, tables={"class_words": table})


def runs(text: list[str], phrases: set[tuple[str, ...]]) -> list[tuple[tuple[str, ...], bool]]:
    """Split a caption's words into the phrases, the longest first, and single other words.

    Example:
        >>> runs(["an", "ice", "bear"], {("ice", "bear"), ("ice",)})
        [(('an',), False), (('ice', 'bear'), True)]
    """
    lengths = sorted({len(phrase) for phrase in phrases}, reverse=True)
    parts: list[tuple[tuple[str, ...], bool]] = []
    start = 0
    while start < len(text):
        here = (tuple(text[start : start + length]) for length in lengths)
        phrase = next((phrase for phrase in here if phrase in phrases), None)
        parts.append(((text[start],) if phrase is None else phrase, phrase is not None))
        start += len(parts[-1][0])
    return parts


def score_words(texts: list[list[str]], content: np.ndarray, class_names: list[str]) -> list[Score]:
    """Score how strongly each word reveals a class.

    Args:
        texts: N captions, each a list of words.
        content: (N,) int, the pictured class.
        class_names: names of the classes.

    Returns:
        A row per word, highest score first: `word`; `class`, the most common class of its captions; `captions`,
        how many contain it; `share`, how many of these show the class; `score`, from 0 to 1.
    """
    prior = np.bincount(content, minlength=len(class_names)) / len(content)
    counts: dict[str, Counter[int]] = {}  # {word: {pictured class: captions}}
    for text, pictured in zip(texts, content.tolist(), strict=True):
        for word in set(text):
            counts.setdefault(word, Counter())[pictured] += 1
    scores: list[Score] = []
    for word, classes in counts.items():
        (top, most), count = classes.most_common(1)[0], classes.total()
        low = binomtest(most, count).proportion_ci(0.95, "wilson").low
        score = float(max(0.0, (low - prior[top]) / (1 - prior[top])) if prior[top] < 1 else 0.0)
        share = most / count
        scores.append({"word": word, "class": class_names[top], "captions": count, "share": share, "score": score})
    return sorted(scores, key=lambda row: (-row["score"], row["word"]))
