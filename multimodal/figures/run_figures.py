"""The figures of a run, each worth a slide."""

from typing import Any

from matplotlib.figure import Figure

from multimodal.checks import check_number, check_seed, check_whole
from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.figures.attention import draw_attention
from multimodal.figures.availability import draw_availability
from multimodal.figures.confusion import draw_confusion
from multimodal.figures.curves import draw_curves
from multimodal.figures.data_card import draw_data_card
from multimodal.figures.embeddings import draw_embeddings
from multimodal.figures.generation import draw_generation
from multimodal.figures.imbalance import draw_imbalance
from multimodal.figures.latent import draw_latent
from multimodal.figures.masking import draw_masking
from multimodal.figures.reliability import draw_reliability
from multimodal.figures.tsne import MOST


class RunFigures:
    """Draw a run.

    Args:
        samples: in the grids, at least three a class.
        points: in a t-SNE map, at most, each sample counted once for every condition or modality; up to 2,000.
        seed: draws samples and points: that of the data, so that runs show the same ones.
    """

    def __init__(self, samples: int, points: int, seed: int) -> None:
        check_whole("evaluation.figures", samples=samples)
        check_seed("evaluation.figures", seed=seed)
        check_number("evaluation.figures", above=0, most=MOST, points=points)
        self.samples, self.points, self.seed = samples, points, seed

    def draw(
        self,
        title: str,
        data: Data,
        history: list[dict[str, float]],
        results: Results,
        rates: dict[str, float],
        card: dict[str, Any],
    ) -> dict[str, Figure]:
        """Return {name: figure}; one whose input is missing (history, surface, attention) is left out.

        Args:
            title: names dataset, source, fusion and seed; stands on every figure.
            data: its test split is shown.
            history: a row for each validation.
            results: of the evaluation; it is read, never written.
            rates: {modality: share of samples trained without it}.
            card: the data card, near duplicates included.
        """
        figures = {}
        if history:
            figures["curves"] = draw_curves(title, history)
            figures["imbalance"] = draw_imbalance(title, history)
        figures["tsne"] = draw_latent(title, data, results, self.points, self.seed)
        figures["embeddings"] = draw_embeddings(title, data, results, self.points, self.seed)
        figures["generation"] = draw_generation(title, data, results, self.samples, self.seed)
        figures["masking"] = draw_masking(title, data, results.predictions, self.seed)
        if results.surface:
            figures["availability"] = draw_availability(title, data, results, rates)
        if "accuracy/both" in results.metrics:
            figures["reliability"] = draw_reliability(title, data, results)
            figures["confusion"] = draw_confusion(title, data, results)
        if results.attention is not None and len(results.attention.rows):
            figures["attention"] = draw_attention(title, data, results.attention, self.seed)
        figures["data_card"] = draw_data_card(title, data, card, self.seed)
        return figures
