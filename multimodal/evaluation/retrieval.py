"""Measure: cross-modal retrieval of the encoders, in both directions.

It compares the embeddings that the encoders give, before any fusion: it says how well the encoders are aligned, and
differs between fusions only by what these pass back to them in training.
"""

from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import Scores, prefixed
from multimodal.metric.retrieval import retrieval


class Retrieval:
    """Computes recall, median rank, chance and ceiling of the encoders for three definitions of a match."""

    def __call__(self, context: Context) -> Measured:
        """Return the scores under `retrieval/image_to_text` and `retrieval/text_to_image`."""
        image, text, same_text, same_image, content = (
            x.to(context.device)
            for x in (
                context.predictions.encoded["image"],
                context.predictions.encoded["text"],
                context.caption_group,
                context.image_group,
                context.test.content,
            )
        )
        scores: Scores = {}
        for direction, (query, candidate) in {"image_to_text": (image, text), "text_to_image": (text, image)}.items():
            text_query = direction == "text_to_image"
            recall = retrieval(query, candidate, same_text, content, same_image, context.seed, text_query=text_query)
            scores |= prefixed(f"retrieval/{direction}", recall)
        return Measured(scores)
