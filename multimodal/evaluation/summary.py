"""A run's scores beside its reference values: the blind baselines, and the judges that coherence relies on."""

from collections.abc import Mapping

from multimodal.evaluation.evaluator import Results
from multimodal.metric.catalogue import TERMINAL, MetricSpec, shown_in
from multimodal.number_text import decimal_text

TASK_CEILING = {"accuracy/both": "task/ceiling", "accuracy/image": "task/image_ceiling"}
TASK_CEILING |= {"accuracy/text": "task/text_ceiling"}
MEASURED = ("accuracy/both", "accuracy/image")  # whose ceiling some tasks cannot compute: an oracle's is a lower bound


def score_rows(results: Results) -> list[dict[str, str | float | None]]:
    """Return a row for the model and for each blind baseline, with the baselines' metrics; None if undefined."""
    names = list(dict.fromkeys(name for row in results.baselines.values() for name in row))
    rows = {"model": results.metrics} | results.baselines
    return [{"row": row} | {name: scores.get(name) for name in names} for row, scores in rows.items()]


def summary(results: Results) -> list[str]:
    """Return lines for the terminal: the main metrics, each with its reference values."""
    lines = []
    for spec in shown_in(TERMINAL):
        value, references = results.metrics.get(spec.name), reference_scores(results.metrics, results.baselines, spec)
        text = decimals(value, spec.digits)
        if value is None:
            reason = results.undefined.get(spec.name)
            text = f"undefined: {reason}" if reason else "not measured"
        known = {name: score for name, score in references.items() if score is not None}
        scores = [f"{name.replace('_', ' ')} {decimals(score, spec.digits)}" for name, score in known.items()]
        beside = ", ".join(scores)
        lines.append(f"  {spec.name:36s} {text}" + (f"   ({beside})" if beside else ""))
    return lines


def reference_scores(
    metrics: Mapping[str, float | None], baselines: Mapping[str, Mapping[str, float | None]], spec: MetricSpec
) -> dict[str, float | None]:
    """Return a metric's reference values: baselines, its judge, chance, ceiling, standard error, the task's ceiling.

    Args:
        metrics: {metric: value} of a run.
        baselines: {row: {metric: value}} of its blind baselines.
        spec: the metric.
    """
    references = {row: scores[spec.name] for row, scores in baselines.items() if spec.name in scores}
    if spec.judge is not None and spec.judge in metrics:
        references["the judge itself"] = metrics[spec.judge]
    limits = {part: f"{spec.name}_{part}" for part in ("chance", "ceiling")} | {"standard error": f"{spec.name}_se"}
    if spec.name in TASK_CEILING:
        measured = spec.name in MEASURED and metrics.get("task/ceiling_measured")
        limits["an oracle" if measured else "the task's ceiling"] = TASK_CEILING[spec.name]
    return references | {part: metrics[name] for part, name in limits.items() if name in metrics}


def decimals(value: float | None, digits: int) -> str:
    """Format a score with this number of decimals, or a dash for None."""
    return "-" if value is None else decimal_text(value, digits)
