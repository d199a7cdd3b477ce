"""Measure: the geometry of the embeddings."""

from multimodal.checks import check_whole
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import prefixed
from multimodal.metric.latent import latent


class LatentSpace:
    """Modality gap, alignment and uniformity of the encoders' embeddings; classes in the joint representation.

    Args:
        max_samples: drawn from the test split: the pairs grow with the square.
        num_neighbors: of the k-NN accuracy.
    """

    def __init__(self, max_samples: int, num_neighbors: int) -> None:
        check_whole("evaluation.measures.latent", max_samples=max_samples, num_neighbors=num_neighbors)
        self.max_samples, self.num_neighbors = max_samples, num_neighbors

    def __call__(self, context: Context) -> Measured:
        """Return the scores under `latent`."""
        embeddings = (*(context.predictions.encoded[m] for m in ("image", "text")), context.predictions.joint["both"])
        found = latent(*embeddings, context.test.label, context.seed, self.max_samples, self.num_neighbors)
        return Measured(prefixed("latent", found))
