"""Measure: cross-modal retrieval by the encoders' embeddings, both ways."""

from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import Scores, prefixed
from multimodal.metric.retrieval import retrieval


class Retrieval:
    """Recall, median rank, chance and ceiling in three readings of what counts as found."""

    def __call__(self, context: Context) -> Measured:
        """Return the scores under `retrieval/image_to_text` and `retrieval/text_to_image`."""
        image, text = context.predictions.encoded["image"], context.predictions.encoded["text"]
        group, content, seed = context.caption_group, context.test.content, context.seed
        scores: Scores = {}
        for way, pair in {"image_to_text": (image, text), "text_to_image": (text, image)}.items():
            found = retrieval(*pair, group, content, seed, text_query=way == "text_to_image")
            scores |= prefixed(f"retrieval/{way}", found)
        return Measured(scores)
