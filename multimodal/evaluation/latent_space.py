"""Measure: the geometry of the embeddings."""

from multimodal.checks import check_whole
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import prefixed
from multimodal.metric.latent import latent


class LatentSpace:
    """Computes modality gap, alignment and uniformity of the embeddings, and class separation in the joint space.

    Args:
        max_samples: largest number of test samples to use; memory grows with its square.
        num_neighbors: largest number of neighbours for the k-NN accuracy; the smallest class may allow fewer.
    """

    def __init__(self, max_samples: int, num_neighbors: int) -> None:
        check_whole("evaluation.measures.latent", max_samples=max_samples, num_neighbors=num_neighbors)
        self.max_samples, self.num_neighbors = max_samples, num_neighbors

    def __call__(self, context: Context) -> Measured:
        """Return the scores under `latent`."""
        predictions = context.predictions
        scores = latent(
            image=predictions.encoded["image"],
            text=predictions.encoded["text"],
            joint=predictions.joint["both"],
            label=context.test.label,
            seed=context.seed,
            max_samples=self.max_samples,
            num_neighbors=self.num_neighbors,
        )
        return Measured(prefixed("latent", scores))
