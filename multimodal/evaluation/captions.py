"""Measure: quality of the captions that the model generates."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from multimodal.evaluation.context import NAMELESS, Context, Measured
from multimodal.evaluation.scores import Scores, prefixed, share
from multimodal.metric.attributes import attribute_accuracy
from multimodal.metric.bleu import bleu
from multimodal.metric.diversity import distinct, exact
from multimodal.metric.rouge import rouge_l

RECONSTRUCTED = ("bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "exact")  # reported with both modalities given
UNREAD = "no grammar reads the captions of this dataset"
UNSTATED = "no test caption states an attribute that the dataset's grammar reads"


class Captions:
    """Scores greedily decoded captions, from the image alone (image to text) and from both inputs (reconstruction)."""

    def __call__(self, context: Context) -> Measured:
        """Return the scores, the judge's accuracy, and the captions of each sample."""
        captions = context.predictions.caption
        generated = score_captions(captions["image"], context)
        reconstructed = score_captions(captions["both"], context).scores
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
        scores: BLEU-1..4, ROUGE-L, exact match, distinct captions, class coherence, attribute accuracy.
        coherent: (N,) bool, whether the judge predicts each sample's class from its caption; None if captions name no
            class.
    """

    scores: Scores
    coherent: Tensor | None


def score_captions(preds: Tensor, context: Context) -> CaptionScores:
    """Compare generated captions (N, T) with the captions of the test split."""
    data, test = context.data, context.test
    words, target = data.vocabulary.words_of(preds), data.vocabulary.words_of(test.tokens)
    scores: Scores = {**bleu(words, target), "rouge_l": rouge_l(words, target)}
    scores |= {"exact": exact(words, target), "distinct": distinct(words)}
    scores["attribute_accuracy"] = UNSTATED if data.grammar else UNREAD
    if data.grammar is not None:
        scores |= attribute_accuracy(words, target, data.grammar)
    if not data.names_class:
        return CaptionScores(scores | {"class_coherence": NAMELESS}, None)
    coherent = context.trained_caption_judge.classify(preds) == test.content
    return CaptionScores(scores | {"class_coherence": share(coherent)}, coherent)
