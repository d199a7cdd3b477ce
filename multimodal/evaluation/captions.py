"""Measure: how good the captions are that the model writes from images."""

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
    """Captions of images alone (image to text), and with both modalities given (reconstruction), greedily decoded."""

    def __call__(self, context: Context) -> Measured:
        """Return the scores and the judge's accuracy, and of each sample the captions."""
        written = context.predictions.caption
        generated = score_captions(written["image"], context)
        rebuilt = score_captions(written["both"], context).scores
        scores: Scores = {"judge/caption_accuracy": context.caption_judge_accuracy}
        scores |= prefixed("image_to_text", generated.scores)
        scores |= prefixed("reconstruction", {name: rebuilt[name] for name in RECONSTRUCTED})
        samples = {f"written/{condition}": context.data.vocabulary.decode(c) for condition, c in written.items()}
        if generated.coherent is not None:
            samples["image_to_text/class_coherent"] = generated.coherent
        return Measured(scores, samples)


@dataclass(frozen=True)
class CaptionScores:
    """Scores of (N, T) captions.

    Args:
        scores: BLEU-1..4, ROUGE-L, exact match, distinct captions, class coherence, attribute accuracy.
        coherent: (N,) bool, whether the judge reads each sample's class in it; None where captions name none.
    """

    scores: Scores
    coherent: Tensor | None


def score_captions(preds: Tensor, context: Context) -> CaptionScores:
    """Compare (N, T) captions with those of the test split."""
    data, test = context.data, context.test
    words, target = data.vocabulary.words_of(preds), data.vocabulary.words_of(test.tokens)
    scores: Scores = bleu(words, target) | {"rouge_l": rouge_l(words, target)}
    scores |= {"exact": exact(words, target), "distinct": distinct(words)}
    scores["attribute_accuracy"] = UNSTATED if data.grammar else UNREAD
    if data.grammar is not None:
        scores |= attribute_accuracy(words, target, data.grammar)
    if not data.names_class:
        return CaptionScores(scores | {"class_coherence": NAMELESS}, None)
    coherent = context.trained_caption_judge.classify(preds) == test.content
    return CaptionScores(scores | {"class_coherence": share(coherent)}, coherent)
