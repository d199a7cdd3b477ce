"""The catalogue of metrics: title, better direction, places that display it, and whether fusions are tested on it.

Tables, sentences, figures and trackers read this file whenever they are written: a metric that is added here
appears in all of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# Where a metric is displayed.
TERMINAL = "terminal"  # the lines that end a run
SWEEP = "sweep"  # `sweep.csv`, and the table that ends a sweep
QUALITY, COST, GENERATION = "quality", "cost", "generation"  # tables of the comparison
TRACKER = "tracker"  # panels of the W&B report
# How a metric is tested between fusions.
PRIMARY, SECONDARY = "primary", "secondary"

Columns = Mapping[str, np.ndarray]  # {column of `predictions.parquet`: one value per test sample}


class Unit(NamedTuple):
    """The unit of a difference.

    Args:
        name: printed after the number.
        factor: number of units in a difference of 1: 100 for percentage points.
        digits: decimals to print.

    Example:
        >>> f"{0.123 * POINTS.factor:.{POINTS.digits}f} {POINTS.name}"
        '12.3 points'
    """

    name: str
    factor: float
    digits: int


POINTS = Unit("points", 100, 1)
PLAIN = Unit("", 1, 3)


@dataclass(frozen=True)
class MetricSpec:
    """Describe one metric, or a family of metrics.

    Args:
        name: key in `metrics.json`; a name that ends in `*` describes all metrics that begin with it and have no entry
            of their own.
        title: words for tables and sentences, with the unit of the displayed value.
        higher_is_better: None if neither direction is better.
        needs: modalities that a fusion must read; the metric is undefined for other fusions.
        shown: places that display it: TERMINAL, SWEEP, QUALITY, COST, GENERATION, TRACKER.
        tested: PRIMARY for the one metric that decides a comparison, SECONDARY, or None if it is not tested.
        skill: whether `<name>_skill` is computed: the share of the possible gain over the best blind baseline.
        judge: name of the judge's accuracy, if a judge computes the metric: its upper bound. None without a judge.
        scale: factor of the displayed value: 1e-6 for millions.
        digits: decimals of the displayed value.
        unit: unit of a difference between two fusions.
        per_sample: function from the columns of `predictions.parquet`, {name: (N,)}, to the values (N,) that the metric
            is the mean of; None if it is not a mean over samples. Raises KeyError if a column is missing.

    Example:
        >>> spec = MetricSpec("text_to_image/frechet", "distance", higher_is_better=False)
        >>> spec.heading.split()
        ['distance', '↓']
    """

    name: str
    title: str = ""
    higher_is_better: bool | None = True
    needs: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    tested: str | None = None
    skill: bool = False
    judge: str | None = None
    scale: float = 1.0
    digits: int = 3
    unit: Unit = PLAIN
    per_sample: Callable[[Columns], np.ndarray] | None = None

    @property
    def heading(self) -> str:
        """Return the title with an arrow towards better values, for a table column."""
        return self.title + ("" if self.higher_is_better is None else f"\u00a0{'↑' if self.higher_is_better else '↓'}")


def column(name: str) -> Callable[[Columns], np.ndarray]:
    """Return a function that reads one column of `predictions.parquet`.

    Example:
        >>> column("availability")({"availability": np.array([0.5, 1.0])})
        array([0.5, 1. ])
    """
    return lambda columns: columns[name]


def correct(condition: str) -> Callable[[Columns], np.ndarray]:
    """Return a function that compares the predicted class under a condition with the label.

    Example:
        >>> correct("image")({"predicted/image": np.array([0, 2]), "label": np.array([0, 1])})
        array([ True, False])
    """
    return lambda columns: columns[f"predicted/{condition}"] == columns["label"]


def mean_correct(columns: Columns) -> np.ndarray:
    """Return for each sample the share of the three conditions (both, image, text) in which its prediction is correct.

    Example:
        >>> right = {"correct/both": [1, 1], "correct/image": [1, 0], "correct/text": [1, 1]}
        >>> mean_correct({name: np.array(values) for name, values in right.items()}).round(3)
        array([1.   , 0.667])
    """
    return np.mean([columns[f"correct/{condition}"] for condition in ("both", "image", "text")], axis=0)


IMAGE, TEXT = ("image",), ("text",)

CATALOGUE = (
    MetricSpec(
        "accuracy/both",
        "accuracy with both",
        shown=(TERMINAL, SWEEP, QUALITY, TRACKER),
        tested=PRIMARY,
        unit=POINTS,
        per_sample=correct("both"),
    ),
    MetricSpec(
        "accuracy/image",
        "accuracy from the image alone",
        shown=(TERMINAL, SWEEP, QUALITY, TRACKER),
        tested=SECONDARY,
        unit=POINTS,
        per_sample=correct("image"),
    ),
    MetricSpec(
        "accuracy/text",
        "accuracy from the caption alone",
        shown=(TERMINAL, SWEEP, QUALITY, TRACKER),
        tested=SECONDARY,
        unit=POINTS,
        per_sample=correct("text"),
    ),
    MetricSpec(
        "availability/mean",
        "mean of the three accuracies",
        shown=(TERMINAL, SWEEP, QUALITY, TRACKER),
        tested=SECONDARY,
        unit=POINTS,
        per_sample=mean_correct,
    ),
    MetricSpec("availability/worst", "accuracy at the worst rates", shown=(QUALITY,), unit=POINTS),
    MetricSpec("fusion/gain", "fusion gain", shown=(TERMINAL, QUALITY)),
    MetricSpec(
        "fusion/product",
        "accuracy of the product of its own answers",
        needs=("image", "text"),
        shown=(TERMINAL, QUALITY),
        unit=POINTS,
        per_sample=column("product_correct"),
    ),
    MetricSpec("interaction/emap_gap", "EMAP gap", None, shown=(TERMINAL, QUALITY)),
    MetricSpec("missing/*", unit=POINTS),  # at rates of modalities that miss independently; a table of its own
    MetricSpec("cost/parameters", "parameters, millions", False, shown=(COST,), scale=1e-6, digits=2),
    MetricSpec("cost/fusion_parameters", "fusion's own parameters", False, shown=(TERMINAL, COST), digits=0),
    MetricSpec("cost/flops", "GFLOPs a sample", False, shown=(COST,), scale=1e-9),
    MetricSpec("cost/train_samples_per_s", "training, samples/s", shown=(COST,), digits=0),
    MetricSpec("cost/ms_per_sample_batch64", "inference, ms a sample", False, shown=(COST,), digits=2),
    MetricSpec("image_to_text/bleu1", "caption BLEU-1", needs=IMAGE, skill=True),
    MetricSpec("image_to_text/bleu2", "caption BLEU-2", needs=IMAGE, skill=True),
    MetricSpec("image_to_text/bleu3", "caption BLEU-3", needs=IMAGE, skill=True),
    MetricSpec(
        "image_to_text/bleu4",
        "caption BLEU-4",
        needs=IMAGE,
        skill=True,
        shown=(TERMINAL, SWEEP, GENERATION),
    ),
    MetricSpec("image_to_text/bleu4_skill", "caption BLEU-4 skill", needs=IMAGE, shown=(GENERATION,)),
    MetricSpec("image_to_text_beam/bleu4", "caption BLEU-4 by beam search", needs=IMAGE, shown=(GENERATION,)),
    MetricSpec("image_to_text/cider", "caption CIDEr", needs=IMAGE, shown=(TERMINAL, GENERATION)),
    MetricSpec("image_to_text/rouge_l", "caption ROUGE-L", needs=IMAGE, skill=True),
    MetricSpec("image_to_text/attribute_accuracy", "caption attribute accuracy", needs=IMAGE, skill=True),
    MetricSpec(
        "image_to_text/class_coherence",
        "caption class coherence",
        needs=IMAGE,
        skill=True,
        judge="judge/caption_accuracy",
        shown=(TERMINAL, SWEEP, GENERATION, TRACKER),
        tested=SECONDARY,
        unit=POINTS,
        per_sample=column("image_to_text/class_coherent"),
    ),
    MetricSpec(
        "text_to_image/ssim",
        "image SSIM",
        needs=TEXT,
        skill=True,
        shown=(TERMINAL, SWEEP, GENERATION),
        per_sample=column("text_to_image/ssim"),
    ),
    MetricSpec("text_to_image/ssim_skill", "image SSIM skill", needs=TEXT),
    MetricSpec(
        "text_to_image/class_coherence",
        "image class coherence",
        needs=TEXT,
        skill=True,
        judge="judge/accuracy",
        shown=(TERMINAL, SWEEP, GENERATION, TRACKER),
        tested=SECONDARY,
        unit=POINTS,
        per_sample=column("text_to_image/class_coherent"),
    ),
    MetricSpec(
        "text_to_image/attribute_accuracy",
        "image attribute accuracy",
        needs=TEXT,
        skill=True,
        judge="judge/attribute_accuracy",
        shown=(TERMINAL, GENERATION),
        tested=SECONDARY,
        unit=POINTS,
        per_sample=column("text_to_image/attributes"),
    ),
    MetricSpec(
        "text_to_image/kid",
        "image kernel distance (KID)",
        False,
        needs=TEXT,
        shown=(TERMINAL, GENERATION),
    ),
    MetricSpec(
        "text_to_image/frechet",
        "image Fréchet distance",
        False,
        needs=TEXT,
        digits=2,
    ),
    MetricSpec(
        "text_to_image/diversity",
        "difference of two drawings for one caption",
        None,
        needs=TEXT,
        shown=(GENERATION,),
    ),
    MetricSpec(
        "reconstruction/ssim",
        "reconstruction SSIM",
        needs=IMAGE,
        shown=(TERMINAL, GENERATION),
        per_sample=column("reconstruction/ssim"),
    ),
    MetricSpec("retrieval/image_to_text/r1_caption", "encoders, image to caption R@1", shown=(TERMINAL, GENERATION)),
    MetricSpec("retrieval/text_to_image/r1_caption", "encoders, caption to image R@1", shown=(GENERATION,)),
    MetricSpec("data/near_duplicates", "test images nearly in train", False, digits=0),
    MetricSpec("image_to_text/*", needs=IMAGE),
    MetricSpec("image_to_text_beam/*", needs=IMAGE),
    MetricSpec("text_to_image/*", needs=TEXT),
    MetricSpec("reconstruction/psnr", needs=IMAGE),
    MetricSpec("reconstruction/class_coherence", needs=IMAGE),
    MetricSpec("reconstruction/attribute_accuracy", needs=IMAGE),
    MetricSpec("reconstruction/frechet", needs=IMAGE),
    MetricSpec("reconstruction/kid", needs=IMAGE),
    MetricSpec("reconstruction/*", needs=TEXT),  # of captions
)


def spec_of(name: str) -> MetricSpec | None:
    """Return the entry of a metric, or else the entry of its family, or else None.

    Example:
        >>> spec_of("accuracy/image").title
        'accuracy from the image alone'
        >>> spec_of("image_to_text/distinct").name, spec_of("unknown")
        ('image_to_text/*', None)
    """
    exact = next((spec for spec in CATALOGUE if spec.name == name), None)
    family = (spec for spec in CATALOGUE if spec.name.endswith("*") and name.startswith(spec.name[:-1]))
    return exact or next(family, None)


def shown_in(place: str) -> list[MetricSpec]:
    """Return the metrics that a place displays, in their order of display.

    Example:
        >>> [spec.name for spec in shown_in(TERMINAL)][:2]
        ['accuracy/both', 'accuracy/image']
    """
    return [spec for spec in CATALOGUE if place in spec.shown]


def compared() -> list[MetricSpec]:
    """Return the metrics that fusions are tested on, the primary one first.

    All are accuracies: equivalence is within a margin in points, which means nothing for other units. SSIM rewards
    blur, and retrieval is of the encoders, before any fusion: both are displayed, not tested.

    Example:
        >>> compared()[0] == primary()
        True
    """
    return sorted((spec for spec in CATALOGUE if spec.tested), key=lambda spec: spec.tested != PRIMARY)


def primary() -> MetricSpec:
    """Return the metric that decides a comparison.

    Example:
        >>> primary().name
        'accuracy/both'
    """
    return next(spec for spec in CATALOGUE if spec.tested == PRIMARY)
