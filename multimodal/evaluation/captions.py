"""How good captions are, generated or blind, beside the real ones of the test split."""

from dataclasses import dataclass

from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.judges import NAMELESS, Judges
from multimodal.evaluation.scores import Scores, share
from multimodal.metric.attributes import attribute_accuracy
from multimodal.metric.bleu import bleu
from multimodal.metric.diversity import distinct, exact
from multimodal.metric.rouge import rouge_l

UNSTATED = "no test caption states an attribute that the dataset's grammar reads"


@dataclass(frozen=True)
class CaptionScores:
    """Of (N, T) captions.

    Args:
        scores: BLEU-1..4, ROUGE-L, exact match, distinct captions, class coherence, attribute accuracy.
        coherent: (N,) bool, whether each tells of its sample's class; None where captions name none.
    """

    scores: Scores
    coherent: Tensor | None


def score_captions(written: Tensor, data: Data, judges: Judges) -> CaptionScores:
    """Against the test split's own captions."""
    test = data.splits["test"]
    words, references = data.vocabulary.words_of(written), data.vocabulary.words_of(test.tokens)
    scores: Scores = bleu(words, references) | {"rouge_l": rouge_l(words, references)}
    scores |= {"exact": exact(words, references), "distinct": distinct(words)}
    scores |= {"attribute_accuracy": UNSTATED} | attribute_accuracy(words, references, data.grammar)
    if not data.names_class:
        return CaptionScores(scores | {"class_coherence": NAMELESS}, None)
    coherent = judges.caption.classify(written) == test.content
    return CaptionScores(scores | {"class_coherence": share(coherent)}, coherent)
