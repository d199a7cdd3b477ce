"""A run's scores beside its references: the blind baselines, and the judges that coherence relies on."""

from multimodal.evaluation.evaluator import Results
from multimodal.metric.catalogue import spec_of

MAIN = ("accuracy/both", "accuracy/image", "accuracy/text", "availability/mean", "interaction/emap_gap")
MAIN += ("image_to_text/bleu4", "image_to_text/class_coherence", "text_to_image/ssim", "text_to_image/class_coherence")
MAIN += ("reconstruction/ssim", "retrieval/image_to_text/r1_caption")


def score_rows(results: Results) -> list[dict[str, str | float | None]]:
    """The model and each blind baseline: a row with what generation is measured by, None where it has no such score."""
    names = list(dict.fromkeys(name for row in results.baselines.values() for name in row))
    rows = {"model": results.metrics} | results.baselines
    return [{"row": row} | {name: scores.get(name) for name in names} for row, scores in rows.items()]


def summary(results: Results) -> list[str]:
    """Lines for the terminal: the main measures, each with what it must be compared with."""
    lines = []
    for name in (name for name in MAIN if name in results.metrics):  # without the measures that are switched off
        beside = [f"{row} {shown(scores[name])}" for row, scores in results.baselines.items() if name in scores]
        if (spec := spec_of(name)) and spec.judge:
            beside.append(f"the judge itself {shown(results.metrics.get(spec.judge))}")
        if name.startswith("retrieval/"):
            beside = [f"{part} {shown(results.metrics[f'{name}_{part}'])}" for part in ("chance", "ceiling")]
        value = results.metrics[name]
        told = shown(value) if value is not None else f"undefined: {results.undefined[name]}"
        lines.append(f"  {name:36s} {told}" + (f"   ({', '.join(beside).replace('_', ' ')})" if beside else ""))
    return lines


def shown(value: float | None) -> str:
    """Three decimals, or a dash."""
    return "-" if value is None else f"{value:.3f}"
