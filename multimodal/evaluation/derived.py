"""Scores that follow from others once all measures have run, each as the catalogue of metrics says."""

import numpy as np

from multimodal.evaluation.scores import Scores
from multimodal.metric import catalogue
from multimodal.metric.catalogue import Columns, spec_of
from multimodal.metric.skill import skill

NO_ROOM = "nothing to gain over the blind baseline"


def sample_means(scores: Scores, columns: Columns) -> Scores:
    """Compute the metrics that are means over samples and that no measure has computed, where their columns exist."""
    found: Scores = {}
    for spec in catalogue.CATALOGUE:
        if spec.per_sample is not None and spec.name not in scores:
            try:
                found[spec.name] = float(np.asarray(spec.per_sample(columns), np.float64).mean())
            except KeyError:  # of a measure that is switched off
                continue
    return found


def skills(scores: Scores, baselines: dict[str, Scores]) -> Scores:
    """Compute {`<name>_skill`: share of what there was to gain over the best baseline that uses no label}.

    The most that a score can reach is 1, or the accuracy of its judge. Without a baseline, or without that accuracy,
    there is no skill.

    Args:
        scores: of the model.
        baselines: {baseline: scores}; those that are told the class do not count.
    """
    rows = [row for name, row in baselines.items() if not name.startswith("class_")]
    found: Scores = {}
    for name, score in scores.items():
        spec, blind = spec_of(name), [row[name] for row in rows if name in row]
        if spec is None or not spec.skill or not blind or (spec.judge and spec.judge not in scores):
            continue
        value = score
        if not isinstance(score, str):
            best = skill(score, max(blind), scores[spec.judge] if spec.judge else 1.0)
            value = NO_ROOM if best is None else best
        found[f"{name}_skill"] = value
    return found


def unable(scores: Scores, reads: tuple[str, ...]) -> Scores:
    """Find what a one-modality control cannot do: {name: the reason why it is undefined}."""
    needs = {name: spec.needs for name in scores if (spec := spec_of(name)) is not None}
    return {
        name: f"this fusion does not read the {modality}"
        for name, modalities in needs.items()
        for modality in modalities
        if modality not in reads
    }
