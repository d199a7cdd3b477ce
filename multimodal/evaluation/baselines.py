"""The blind baselines' rows: the measures of generation, of what needs no model."""

from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.captions import score_captions
from multimodal.evaluation.images import score_with_references
from multimodal.evaluation.judges import Judges
from multimodal.evaluation.scores import Scores, prefixed, share
from multimodal.metric.blind import blind_captions, class_captions, class_images
from multimodal.metric.skill import skill

ANSWERED = ("accuracy/both", "accuracy/image", "accuracy/text", "availability/mean", "availability/worst")
NO_ROOM = "nothing to gain over the blind baseline"
SKILLED = ("bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "attribute_accuracy", "ssim", "class_coherence")


def baselines(data: Data, judges: Judges, equal: Tensor, references: int, seed: int) -> dict[str, Scores]:
    """{baseline: scores} on the test split; the two that are told the class start with `class_`."""
    train, test = data.splits["train"], data.splits["test"]
    frequent = share(test.label == train.label.bincount().argmax())
    captions = blind_captions(train.tokens, len(test), seed)
    captions["class_caption"] = class_captions(train.tokens, train.content, test.content)
    images = {
        "mean_image": (train.image.float().mean(0) / 255).expand(len(test), -1, -1, -1),
        "class_image": class_images(train.image, train.content, test.content),
    }
    rows: dict[str, Scores] = {"frequent_label": dict.fromkeys(ANSWERED, frequent)}
    rows |= {n: prefixed("image_to_text", score_captions(c, data, judges).scores) for n, c in captions.items()}
    for name, image in images.items():
        found = score_with_references(image, test, judges, equal, references, seed)
        rows[name] = prefixed("text_to_image", found.scores)
    return rows


def skills(generated: Scores, blind: dict[str, Scores], accuracy: Scores) -> Scores:
    """{name_skill: share of what there was to gain over the best baseline that uses no label}.

    Args:
        generated: the model's own scores.
        blind: {baseline: scores}; the ones that are told the class do not count.
        accuracy: the judges', the most that coherence can reach.
    """
    rows = [row for name, row in blind.items() if not name.startswith("class_")]
    limits = {
        "image_to_text/class_coherence": accuracy["judge/caption_accuracy"],
        "text_to_image/class_coherence": accuracy["judge/accuracy"],
    }
    found: Scores = {}
    for name, score in generated.items():
        if name.partition("/")[2] not in SKILLED:
            continue
        value = score
        if not isinstance(score, str):
            best = skill(score, max(row[name] for row in rows if name in row), limits.get(name, 1.0))
            value = NO_ROOM if best is None else best
        found[f"{name}_skill"] = value
    return found
