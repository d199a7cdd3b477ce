"""Scores derived from others after all measures have run, as the catalogue of metrics defines them."""

import numpy as np

from multimodal.evaluation.scores import Scores, defined
from multimodal.metric import catalogue
from multimodal.metric.catalogue import Columns, spec_of
from multimodal.metric.skill import skill

BLIND = ("frequent_label", "frequent_caption", "random_caption", "mean_image")  # see neither image nor caption
NO_ROOM = "nothing to gain over the blind baseline"


def sample_means(scores: Scores, columns: Columns) -> Scores:
    """Compute the metrics that are means over samples, unless a measure computed them or their columns are missing."""
    derived: Scores = {}
    for spec in catalogue.CATALOGUE:
        if spec.per_sample is not None and spec.name not in scores:
            try:
                derived[spec.name] = float(np.asarray(spec.per_sample(columns), np.float64).mean())
            except KeyError:  # a column of a measure that is switched off
                continue
    return derived


def skills(scores: Scores, baselines: dict[str, Scores]) -> Scores:
    """Compute the skill of scores: the gain over the best blind baseline as a share of the largest possible gain.

    The upper bound of a score is 1, or the accuracy of its judge. A score without a baseline, or without that
    accuracy, has no skill.

    Args:
        scores: scores of the model.
        baselines: {baseline: scores}; those that are not in BLIND know the class or are real images, and are ignored.

    Returns:
        {`<name>_skill`: value, or the reason why it is undefined}.
    """
    rows = [row for name, row in baselines.items() if name in BLIND]
    derived: Scores = {}
    for name, score in scores.items():
        spec, blind = spec_of(name), [row[name] for row in rows if name in row]
        if spec is None or not spec.skill or not blind or (spec.judge and spec.judge not in scores):
            continue
        value = score
        if not isinstance(score, str):
            upper = scores[spec.judge] if spec.judge else 1.0
            assert not isinstance(upper, str), f"{name} is defined, so its judge's accuracy is, too"
            value = defined(skill(score, max(b for b in blind if not isinstance(b, str)), upper), NO_ROOM)
        derived[f"{name}_skill"] = value
    return derived


def unable(scores: Scores, reads: tuple[str, ...]) -> Scores:
    """Return {name: reason} of the metrics that are undefined because the fusion does not read their modalities."""
    needs = {name: spec.needs for name in scores if (spec := spec_of(name)) is not None}
    return {
        name: f"this fusion does not read the {modality}"
        for name, modalities in needs.items()
        for modality in modalities
        if modality not in reads
    }


def meaningless(scores: Scores, undefined: dict[str, str]) -> Scores:
    """Return {name: reason} of the metrics that the task makes meaningless.

    Args:
        scores: scores of a model, or of a baseline.
        undefined: {beginning of metric names: reason}.
    """
    return {name: reason for name in scores for start, reason in undefined.items() if name.startswith(start)}
