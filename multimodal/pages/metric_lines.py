"""The metrics of a run as lines of a page, each beside its reference values."""

from dataclasses import dataclass

from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.summary import reference_scores
from multimodal.metric.catalogue import CATALOGUE
from multimodal.number_text import decimal_text

HEADINGS = {  # of the metrics whose names begin so; another beginning is its own heading
    "accuracy": "Classification",
    "availability": "Classification",
    "fusion": "Fusing",
    "interaction": "Fusing",
    "image_to_text": "Captions from images",
    "image_to_text_beam": "Captions from images",
    "text_to_image": "Images from captions",
    "reconstruction": "Reconstruction from both",
    "retrieval": "Retrieval by the encoders",
    "cost": "Cost",
    "data": "Data",
}
DIGITS = 6  # significant ones of numbers that no entry of the catalogue rounds


@dataclass(frozen=True)
class MetricLine:
    """A metric of a run.

    Args:
        name: its key in `metrics.json`.
        title: words with the better direction.
        text: the value, `undefined`.
        beside: reference values, {name: value}; or why it is undefined.
    """

    name: str
    title: str
    text: str
    beside: str


def metric_lines(results: Results) -> dict[str, list[MetricLine]]:
    """Return {heading: lines} of the metrics that the catalogue has a title for and the run has measured."""
    groups: dict[str, list[MetricLine]] = {}
    for spec in CATALOGUE:
        if not spec.title or spec.name not in results.metrics:
            continue
        value = results.metrics[spec.name]
        if value is None:
            text, beside = "undefined", results.undefined.get(spec.name, "")
        else:
            text = decimal_text(spec.scale * value, spec.digits)
            references = reference_scores(results.metrics, results.baselines, spec)
            known = {name: score for name, score in references.items() if score is not None}
            scores = {name: decimal_text(spec.scale * score, spec.digits) for name, score in known.items()}
            beside = ", ".join(f"{name.replace('_', ' ')}\u00a0{score}" for name, score in scores.items())
        groups.setdefault(heading_of(spec.name), []).append(MetricLine(spec.name, spec.heading, text, beside))
    order = list(HEADINGS.values())
    return dict(sorted(groups.items(), key=lambda group: order.index(group[0]) if group[0] in order else len(order)))


def heading_of(name: str) -> str:
    """Return the heading of a metric.

    Example:
        >>> heading_of("image_to_text_beam/bleu4"), heading_of("new_kind/score")
        ('Captions from images', 'New kind')
    """
    start = name.partition("/")[0]
    return HEADINGS.get(start, start.replace("_", " ").capitalize())


def not_measured(results: Results) -> list[str]:
    """Return the titles of the catalogue's metrics that the run has not measured."""
    return [spec.title for spec in CATALOGUE if spec.title and spec.name not in results.metrics]


def all_numbers(results: Results) -> list[tuple[str, str]]:
    """Return (name, value or why it is undefined) of every metric, as `metrics.json` has it."""
    return [
        (name, f"undefined: {results.undefined.get(name, '')}" if value is None else f"{value:.{DIGITS}g}")
        for name, value in results.metrics.items()
    ]
