"""A population of trainings and test samples: fusions whose true accuracies are known, for simulations of the rules."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import norm

from multimodal.comparison.run import Run
from multimodal.metric.catalogue import primary
from tests.helpers.made_up_pairs import made_up_run

# s.d. of what decides an answer, beside 1 of each seed and sample: how hard a sample is for all, what a training is
# worth, and which samples suit a fusion
HARD, LUCK, TASTE = 1.0, 0.08, 0.5
TOTAL = np.sqrt(1 + HARD**2 + LUCK**2 + TASTE**2)

Answers = dict[Path, dict[str, np.ndarray]]


def answers_of(rng: np.random.Generator, accuracies: list[float], seeds: int, size: int, luck: float) -> np.ndarray:
    """Right or wrong, (fusions, seeds, samples), of fusions with these accuracies over all trainings and samples."""
    total = np.sqrt(TOTAL**2 - LUCK**2 + luck**2)
    level = total * norm.ppf(accuracies)[:, None, None]
    shape = (len(accuracies), seeds, size)
    score = level + HARD * rng.normal(size=(1, 1, size)) + luck * rng.normal(size=(*shape[:2], 1))
    return score + TASTE * rng.normal(size=(shape[0], 1, size)) + rng.normal(size=shape) > 0


def sweep_of(
    rng: np.random.Generator,
    accuracies: dict[str, float],
    seeds: int,
    size: int,
    luck: float,
    dataset: str,
    split: int = 0,
    **other: str,
) -> tuple[list[Run], Answers]:
    """Runs of these fusions on one dataset, and the answers that they have stored by sample.

    A fusion named `<fusion>/product` is the product of that fusion's own answers.
    """
    right = dict(zip(accuracies, answers_of(rng, list(accuracies.values()), seeds, size, luck), strict=True))
    runs, answers = [], {}
    for fusion in accuracies:
        if fusion.endswith("/product"):
            continue
        for seed in range(seeds):
            stored = {primary().name: right[fusion][seed].astype(float)}
            if f"{fusion}/product" in right:
                stored["fusion/product"] = right[f"{fusion}/product"][seed].astype(float)
            folder = Path(f"{dataset}-{fusion}-{split}-{seed}")
            metrics = {name: float(values.mean()) for name, values in stored.items()}
            runs.append(
                replace(made_up_run(fusion, seed, 0.0, dataset, split, **other), folder=folder, metrics=metrics)
            )
            answers[folder] = stored
    return runs, answers
