"""All figures of one run."""

from collections.abc import Callable
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from multimodal.checks import check_seed, check_whole
from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.figures.attention import draw_attention
from multimodal.figures.availability import draw_availability
from multimodal.figures.confusion import draw_confusion
from multimodal.figures.curves import draw_curves
from multimodal.figures.data_card import draw_data_card
from multimodal.figures.drawings import draw_drawings
from multimodal.figures.embeddings import draw_embeddings
from multimodal.figures.generation import draw_generation
from multimodal.figures.imbalance import draw_imbalance
from multimodal.figures.latent import draw_latent
from multimodal.figures.masking import draw_masking
from multimodal.figures.missing import draw_missing, missing_rates
from multimodal.figures.reliability import draw_reliability
from multimodal.figures.tsne import MAX_POINTS


class RunFigures:
    """Draws the figures of a run.

    Args:
        samples: number of samples in the figure of generation; at least three of each class are drawn.
        points: largest number of points in a t-SNE map, up to 2,000; a sample has a point per condition or modality.
        seed: seed of the choice of samples and points; the data's, so that all runs draw the same ones.
    """

    def __init__(self, samples: int, points: int, seed: int) -> None:
        check_whole("evaluation.figures", samples=samples)
        check_seed("evaluation.figures", seed=seed)
        check_whole("evaluation.figures", most=MAX_POINTS, points=points)
        self.samples, self.points, self.seed = samples, points, seed

    def draw(
        self,
        title: str,
        data: Data,
        history: list[dict[str, float]],
        results: Results,
        training: dict[str, Any],
        card: dict[str, Any],
    ) -> dict[str, Figure]:
        """Draw every figure whose input exists.

        Args:
            title: names dataset, source, fusion and seed; written on every figure.
            data: samples are drawn from its test split.
            history: one row per validation.
            results: of the evaluation; its clock measures each figure, nothing else is modified.
            training: settings of the training: its missing rates, and by which quantity the best checkpoint was chosen.
            card: the data card, including near duplicates.

        Returns:
            {name: figure}; figures of missing history, surface, attention or classification metrics are left out, and
            those of generation under a task that makes it meaningless, or of a model without heads for it; `drawings`
            is only of a model that draws at random.
        """
        drawings: dict[str, Callable[[], Figure]] = {}
        if history:
            drawings["curves"] = partial(draw_curves, title, history, training["select"])
            drawings["imbalance"] = partial(draw_imbalance, title, history)
        drawings["tsne"] = partial(draw_latent, title, data, results, self.points, self.seed)
        drawings["embeddings"] = partial(draw_embeddings, title, data, results, self.points, self.seed)
        generated = {"text_to_image": results.predictions.image, "image_to_text": results.predictions.caption}
        if any(made and direction not in data.undefined for direction, made in generated.items()):
            drawings["generation"] = partial(draw_generation, title, data, results, self.samples, self.seed)
        if results.drawings is not None and "text_to_image" not in data.undefined:
            drawings["drawings"] = partial(draw_drawings, title, data, results, results.drawings, self.seed)
        drawings["masking"] = partial(draw_masking, title, data, results.predictions, self.seed)
        if results.surface:
            drawings["availability"] = partial(draw_availability, title, data, results, training["modality_dropout"])
        if missing_rates(results):
            drawings["missing"] = partial(draw_missing, title, data, results)
        if "accuracy/both" in results.metrics:
            drawings["reliability"] = partial(draw_reliability, title, data, results)
            drawings["confusion"] = partial(draw_confusion, title, data, results)
        if results.attention is not None and len(results.attention.rows):
            drawings["attention"] = partial(draw_attention, title, data, results.attention, self.seed)
        drawings["data_card"] = partial(draw_data_card, title, data, card, self.seed)
        figures = {}
        for name, draw in drawings.items():
            with results.clock(f"figures/{name}"):
                figures[name] = draw()
        return figures
