"""Measure: quality of the captions that the model generates."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from multimodal.evaluation.context import NAMELESS, UNREAD, UNSTATED, Context, Measured
from multimodal.evaluation.scores import Scores, defined, prefixed, share
from multimodal.metric.attributes import attribute_accuracy
from multimodal.metric.bleu import bleu
from multimodal.metric.cider import cider
from multimodal.metric.diversity import distinct, exact
from multimodal.metric.rouge import rouge_l
from multimodal.types import SPECIAL_WORDS, UNK

UNKNOWN = "<unknown>"  # a word of a reference that the vocabulary lacks
RECONSTRUCTED = ("bleu1", "bleu2", "bleu3", "bleu4", "cider", "rouge_l", "exact")  # reported with both modalities given
SCORES = (*RECONSTRUCTED, "distinct", "attribute_accuracy", "class_coherence")  # of `score_captions`
COMMON = "a single image: no words are rarer than others"


class Captions:
    """Scores greedily decoded captions, from the image alone (image to text) and from both inputs (reconstruction)."""

    def __call__(self, context: Context) -> Measured:
        """Return the scores, the judge's accuracy, and the captions of each sample; undefined without a text head."""
        if why := context.lacks("text"):
            undefined = prefixed("image_to_text", dict.fromkeys(SCORES, why))
            undefined |= prefixed("reconstruction", dict.fromkeys(RECONSTRUCTED, why))
            return Measured(undefined | {"judge/caption_accuracy": why})
        captions = context.predictions.caption
        generated = score_captions(captions["image"], context)
        words, target = context.data.vocabulary.words_of(captions["both"]), reference_words(context)
        reconstructed = compare(words, [[reference] for reference in target])
        scores: Scores = {"judge/caption_accuracy": context.caption_judge_accuracy}
        scores |= prefixed("image_to_text", generated.scores)
        scores |= prefixed("reconstruction", {name: reconstructed[name] for name in RECONSTRUCTED})
        decode = context.data.vocabulary.decode
        samples: dict[str, Tensor | Sequence[str]] = {f"written/{name}": decode(c) for name, c in captions.items()}
        if generated.coherent is not None:
            samples["image_to_text/class_coherent"] = generated.coherent
        return Measured(scores, samples)


@dataclass(frozen=True)
class CaptionScores:
    """Holds the scores of (N, T) captions.

    Args:
        scores: BLEU-1..4, CIDEr-D, ROUGE-L, exact match, distinct captions, class coherence, attribute accuracy.
        coherent: (N,) bool, whether the judge predicts each sample's class from its caption; None if captions name no
            class.
    """

    scores: Scores
    coherent: Tensor | None


def score_captions(preds: Tensor, context: Context) -> CaptionScores:
    """Compare captions (N, T) generated from the test images with the captions of the test split.

    An image with several captions counts once in the scores of `compare`: its generated caption is compared with all
    of them. Attributes and class coherence count every sample: its generated caption beside its own caption and class.
    """
    data, test = context.data, context.test
    words, target = data.vocabulary.words_of(preds), reference_words(context)
    references: dict[int, list[list[str]]] = {}  # {number of the image: captions}
    first: dict[int, int] = {}  # {number of the image: its first sample}
    for i, image in enumerate(context.image_group.tolist()):
        references.setdefault(image, []).append(target[i])
        first.setdefault(image, i)
    scores = compare([words[i] for i in first.values()], list(references.values()))
    scores["attribute_accuracy"] = UNSTATED if data.grammar else UNREAD
    if data.grammar is not None:
        names = [data.class_names[k] for k in test.content.tolist()]
        scores |= attribute_accuracy(words, target, data.grammar, names)
    if not data.names_class:
        return CaptionScores(scores | {"class_coherence": NAMELESS}, None)
    coherent = context.trained_caption_judge.classify(preds) == test.content
    return CaptionScores(scores | {"class_coherence": share(coherent)}, coherent)


def compare(words: list[list[str]], references: list[list[list[str]]]) -> Scores:
    """Compute BLEU-1..4, CIDEr-D, ROUGE-L, exact match and the number of distinct captions of N captions.

    Args:
        words: N captions.
        references: the references of each, one or more.
    """
    scores: Scores = {**bleu(words, references), "cider": defined(cider(words, references), COMMON)}
    scores["rouge_l"] = rouge_l(words, references)
    return scores | {"exact": exact(words, references), "distinct": distinct(words)}


def reference_words(context: Context) -> list[list[str]]:
    """Return the words of the N test captions; an unknown one equals no generated word, not even `<unk>`."""
    words = context.data.vocabulary.words_of(context.test.tokens)
    return [[UNKNOWN if word == SPECIAL_WORDS[UNK] else word for word in text] for text in words]
