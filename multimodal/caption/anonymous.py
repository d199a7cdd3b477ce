"""Captions without the words that give the class away, so that text adds attributes only.

Which words those are is found in the training captions: a word gives a class away if its presence predicts
it. The share of its captions that show one class is estimated carefully, by the lower end of Wilson's 95 %
interval (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953), so that a rare word is not suspected
for an accident.
"""

import logging
from collections import Counter

import numpy as np
from nltk.tokenize import wordpunct_tokenize
from scipy.stats import binomtest
from torch import Tensor

from multimodal.checks import check_number
from multimodal.types import CaptionedTask

log = logging.getLogger(__name__)

Score = dict[str, object]


class AnonymousCaptions:
    """Replaces the words that give the class away.

    Args:
        words: those to replace; None finds them.
        threshold: of what a word tells beyond its class's share of all captions, from 0 (nothing) to 1 (the
            class is certain): words at or above it are replaced.
        placeholder: what stands in their place.
    """

    def __init__(self, words: list[str] | None, threshold: float, placeholder: str) -> None:
        check_number("caption", above=0, most=1, threshold=threshold)
        if words is not None and (isinstance(words, str) or not words):
            raise ValueError(f"caption.words must be a list of words, or null to find them, got {words!r}")
        if wordpunct_tokenize(placeholder) != [placeholder]:
            raise ValueError(f"caption.placeholder must be one word, got {placeholder!r}")
        self.words, self.threshold, self.placeholder = words, threshold, placeholder

    def apply(
        self, captions: dict[str, list[str]], content: dict[str, Tensor], class_names: list[str]
    ) -> CaptionedTask:
        """{split: texts}, {split: (N,) pictured class} -> the same answers, less telling texts."""
        words = {split: [wordpunct_tokenize(text.lower()) for text in texts] for split, texts in captions.items()}
        scores = score_words(words["train"], content["train"].numpy(), class_names)
        if self.words is None:
            telling = {str(score["word"]) for score in scores if score["score"] >= self.threshold}
        else:
            telling = {word.lower() for word in self.words}
            nowhere = telling - {str(score["word"]) for score in scores}
            if nowhere == telling:
                raise ValueError(f"caption.words: no training caption has any of {', '.join(sorted(nowhere))}")
            if nowhere:
                log.warning("caption.words: no training caption has %s", ", ".join(sorted(nowhere)))
        hidden = {
            split: [" ".join(self.placeholder if word in telling else word for word in text) for text in texts]
            for split, texts in words.items()
        }
        table = [score | {"replaced": score["word"] in telling} for score in scores]
        return CaptionedTask(hidden, content, names_class=False, tables={"class_words": table})


def score_words(texts: list[list[str]], content: np.ndarray, class_names: list[str]) -> list[Score]:
    """Every word, the most telling first: its class, in how many captions it is, and its score."""
    prior = np.bincount(content, minlength=len(class_names)) / len(content)
    seen: dict[str, Counter[int]] = {}
    for text, shown in zip(texts, content.tolist(), strict=True):
        for word in set(text):
            seen.setdefault(word, Counter())[shown] += 1
    scores = []
    for word, classes in seen.items():
        (shown, most), count = classes.most_common(1)[0], classes.total()
        low = binomtest(most, count).proportion_ci(0.95, "wilson").low
        score = max(0.0, (low - prior[shown]) / (1 - prior[shown])) if prior[shown] < 1 else 0.0
        row = {"word": word, "class": class_names[shown], "captions": count}
        scores.append(row | {"share": most / count, "score": float(score)})
    return sorted(scores, key=lambda row: (-row["score"], row["word"]))
