"""Classifiers of real training data that say what is shown or told."""

from dataclasses import dataclass

from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.scores import Scores, share
from multimodal.judge.caption import CaptionJudge
from multimodal.judge.image import ImageJudge

# whose accuracy stands beside what it has judged
JUDGES = {"image_to_text/class_coherence": "judge/caption_accuracy", "text_to_image/class_coherence": "judge/accuracy"}


@dataclass(frozen=True)
class Judges:
    """Both judges, and what the image judge sees in the real test images.

    Args:
        image: classifies images.
        caption: classifies captions.
        features: (N, F) the image judge's of the real test images.
        accuracy: of the judges themselves, on the real test split.
    """

    image: ImageJudge
    caption: CaptionJudge
    features: Tensor
    accuracy: Scores


def fit_judges(image: ImageJudge, data: Data) -> Judges:
    """They learn from the training split alone."""
    train, test = data.splits["train"], data.splits["test"]
    image = image.fit(train, len(data.class_names), data.augment)
    caption = CaptionJudge().fit(train.tokens, train.content, len(data.vocabulary))
    features, shown = image.features_and_classes(test.image.float() / 255)
    told = share(caption.classify(test.tokens) == test.content) if data.names_class else NAMELESS
    accuracy: Scores = {"judge/accuracy": share(shown == test.content), "judge/caption_accuracy": told}
    return Judges(image, caption, features, accuracy)


NAMELESS = "these captions do not name the class"
