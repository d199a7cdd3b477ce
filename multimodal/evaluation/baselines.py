"""Measure: scores of the blind baselines, which see neither image nor caption. Skill is computed relative to them."""

from multimodal.evaluation.captions import score_captions
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.images import score_with_references
from multimodal.evaluation.scores import Scores, prefixed, share
from multimodal.metric.blind import blind_captions, class_captions, class_images

# metrics of a model that always predicts the most frequent training label
CLASSIFICATION = ("accuracy/both", "accuracy/image", "accuracy/text", "availability/mean", "availability/worst")


class Baselines:
    """Computes the generation metrics of the input-free baselines; those that know the class start with `class_`."""

    def __call__(self, context: Context) -> Measured:
        """Return a row of scores for each baseline on the test split."""
        train, test = context.data.splits["train"], context.test
        frequent = share(test.label == train.label.bincount().argmax())
        captions = blind_captions(train.tokens, len(test), context.seed)
        captions["class_caption"] = class_captions(train.tokens, train.content, test.content)
        images = {
            "mean_image": (train.image.float().mean(0) / 255).expand(len(test), -1, -1, -1),
            "class_image": class_images(train.image, train.content, test.content),
        }
        rows: dict[str, Scores] = {"frequent_label": dict.fromkeys(CLASSIFICATION, frequent)}
        rows |= {n: prefixed("image_to_text", score_captions(c, context).scores) for n, c in captions.items()}
        rows |= {n: prefixed("text_to_image", score_with_references(i, context).scores) for n, i in images.items()}
        return Measured(baselines=rows)
