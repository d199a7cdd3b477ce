"""The figures of a run, each worth a slide."""

from typing import Any

from matplotlib.figure import Figure

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.report.availability import draw_availability
from multimodal.report.curves import draw_curves
from multimodal.report.data_card import draw_data_card
from multimodal.report.generation import draw_generation
from multimodal.report.latent import draw_latent
from multimodal.report.masking import draw_masking


class Figures:
    """Draws a run.

    Args:
        samples: in the grids, at least three a class.
        points: in t-SNE, at most, over all three conditions.
        seed: draws samples and points: that of the data, so that runs show the same ones.
    """

    def __init__(self, samples: int, points: int, seed: int) -> None:
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
        """{name: figure}; without a history there are no curves.

        Args:
            title: names dataset, source, fusion and seed; stands on every figure.
            data: its test split is shown.
            history: a row for each validation.
            results: of the evaluation.
            rates: {modality: share of samples trained without it}.
            card: the data card, near duplicates included.
        """
        curves = {"curves": draw_curves(title, history)} if history else {}
        return curves | {
            "tsne": draw_latent(title, data, results, self.points, self.seed),
            "generation": draw_generation(title, data, results.predictions, self.samples, self.seed),
            "masking": draw_masking(title, data, results.predictions, self.seed),
            "availability": draw_availability(title, data, results, rates),
            "data_card": draw_data_card(title, data, card, self.seed),
        }
