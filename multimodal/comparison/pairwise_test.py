"""Whether one fusion is better than another, and when it is too early to say.

Paired by seed, which measures what training again would change, and by test sample, which measures what
another test split would change for these very models. Only the first decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pyarrow.parquet

from multimodal.comparison.reading import Run, titles
from multimodal.metric.statistics import (
    Floats,
    bootstrap_interval,
    equivalence_test,
    holm,
    t_interval,
    t_test,
)

LEVEL = 0.95
NEEDED = ("label", "place", "text_to_image/ssim", "predicted/image", "predicted/text")  # of predictions.parquet
NEEDED += ("correct/both", "correct/image", "correct/text")
SEEDS = 6  # with fewer there is no verdict
RESAMPLES = 2000
SAMPLES, DIFFERING = 200, 10  # with fewer test samples, or fewer on which two fusions differ, no bootstrap covers
REFERENCE = "concat"  # the plainest fusion: the others are compared with it, not it with them


class Measure(NamedTuple):
    """How a metric is told: in words, in a unit of so much of it, with so many digits."""

    words: str
    unit: str
    factor: float
    digits: int

    def signed(self, value: float, digits: int) -> str:
        """`+1.2`, with a real minus; never a minus before a zero."""
        return f"{round(self.factor * value, digits) + 0:+.{digits}f}".replace("-", "−")


PRIMARY = "availability/mean"
MEASURES = {
    PRIMARY: Measure("accuracy over all missing rates", "points", 100, 1),
    "accuracy/image": Measure("accuracy from the image alone", "points", 100, 1),
    "accuracy/text": Measure("accuracy from the caption alone", "points", 100, 1),
    "text_to_image/ssim": Measure("SSIM of images drawn from captions", "", 1, 3),
    "image_to_text/class_coherence": Measure("class coherence of captions written from images", "points", 100, 1),
}


@dataclass(frozen=True)
class Verdict:
    """One fusion beside another, in one metric.

    Args:
        dataset: title of the runs' group.
        metric: its name; higher is better.
        first, second: fusions; the second is the reference.
        n: paired seeds.
        difference: mean of first - second; None where nothing can be compared.
        low, high: 95 % interval over seeds, not adjusted for other tests.
        p: that the difference is none, Holm-adjusted within its family: all pairs of fusions of the group, by the
            primary metric, or by all the secondary ones; None with too few seeds.
        p_equivalent: that it is not within the margin, by two one-sided tests, adjusted in the same way.
        shown: whether the difference is real.
        equivalent: whether it is within the margin; both may hold.
        sample_low, sample_high: 95 % interval over test samples, of the difference averaged over these seeds; None
            where too few samples differ for one, or predictions were not kept.
        fragile: whether another test split may well not show the difference.
        note: which seeds are left out; or why there is no difference.
        sentence: all that in words.
    """

    dataset: str
    metric: str
    first: str
    second: str
    n: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_equivalent: float | None = None
    shown: bool = False
    equivalent: bool = False
    sample_low: float | None = None
    sample_high: float | None = None
    fragile: bool = False
    note: str = ""
    sentence: str = ""

    @property
    def digits(self) -> int:
        """So many that a difference that is shown is not told as none."""
        measure = MEASURES[self.metric]
        digits = measure.digits
        while self.shown and round(measure.factor * self.difference, digits) == 0:
            digits += 1
        return digits


def verdicts(runs: list[Run], margin: float) -> list[Verdict]:
    """Every pair of fusions of every group: the primary metric first, then the secondary ones.

    Args:
        runs: of any datasets and settings; only those of equal group are compared.
        margin: within which a difference does not matter, as a share: 0.01 is 1 point.
    """
    check_margin(margin)
    found = []
    for group, title in titles(runs).items():
        own = [compared(*pair, title, margin) for pair in pairs([run for run in runs if run.group == group])]
        for family in ([PRIMARY], [metric for metric in MEASURES if metric != PRIMARY]):
            tests = [(c, metric) for c in own for metric in family if c[metric].p is not None]
            adjusted = [holm([getattr(c[metric], name) for c, metric in tests]) for name in ("p", "p_equivalent")]
            for (c, metric), p, equal in zip(tests, *adjusted, strict=True):
                told = {"p": p, "p_equivalent": equal, "shown": p < 1 - LEVEL, "equivalent": equal < 1 - LEVEL}
                c[metric] = replace(c[metric], **told)
        found += [replace(v, sentence=sentence(v, margin)) for c in own for v in c.values()]
    return found


def check_margin(margin: float) -> None:
    """ValueError for what is no share."""
    if not isinstance(margin, int | float) or not 0 < margin < 1:
        raise ValueError(f"report.margin must be a share above 0 and below 1 (0.01 is 1 point), got {margin}")


def pairs(runs: list[Run]) -> Iterator[tuple[list[Run], list[Run]]]:
    """The runs of each two fusions of a group."""
    fusions: dict[str, list[Run]] = {}
    for run in runs:
        fusions.setdefault(run.fusion, []).append(run)
    names = sorted(fusions, key=lambda name: (is_reference(name), name))
    yield from ((fusions[first], fusions[second]) for first, second in combinations(names, 2))


def is_reference(fusion: str) -> bool:
    """The plain fusion, whatever its arguments."""
    return fusion.partition(" ")[0] == REFERENCE


def compared(first: list[Run], second: list[Run], title: str, margin: float) -> dict[str, Verdict]:
    """{metric: verdict} of two fusions, p not yet adjusted and nothing put in words."""
    a, b = ({run.seed: run for run in runs} for runs in (first, second))
    seeds, alone = sorted(a.keys() & b.keys()), sorted(a.keys() ^ b.keys())
    sampled = by_sample([a[seed] for seed in seeds], [b[seed] for seed in seeds])
    note = f"{plural('seed', alone)} of one side only left out" if alone else ""
    found = {}
    for metric in MEASURES:
        verdict = Verdict(title, metric, first[0].fusion, second[0].fusion, len(seeds), note=note)
        lacking = next((run for s in seeds for run in (a[s], b[s]) if run.metrics.get(metric) is None), None)
        if lacking is not None:
            why = lacking.undefined.get(metric, "not measured")
            verdict = replace(verdict, note=f"undefined for {lacking.fusion}, seed {lacking.seed}: {why}")
        elif seeds:
            x = np.array([a[seed].metrics[metric] - b[seed].metrics[metric] for seed in seeds])
            verdict = replace(verdict, **over_seeds(x, margin), **sampled.get(metric, {}))
        found[metric] = verdict
    return found


def over_seeds(x: Floats, margin: float) -> dict[str, float]:
    """What (n,) paired differences say; fewer than six give an interval and no test, a single one not even that."""
    told = {"difference": float(x.mean())}
    if len(x) > 1:
        low, high = t_interval(x, LEVEL)
        told |= {"low": float(low), "high": float(high)}
    if len(x) >= SEEDS:
        told |= {"p": float(t_test(x)), "p_equivalent": float(equivalence_test(x, margin))}
    return told


def by_sample(first: list[Run], second: list[Run]) -> dict[str, dict[str, float | bool]]:
    """{metric: the bootstrap interval over test samples} of first - second, averaged over pairs of runs.

    The i-th of `first` is paired with the i-th of `second`; without `predictions.parquet` there is nothing, and
    no interval where it would be too narrow.
    """
    values = [(sample_values(a), sample_values(b)) for a, b in zip(first, second, strict=True)]
    metrics = [metric for metric in MEASURES if values and all(metric in own for pair in values for own in pair)]
    if not metrics:
        return {}
    x = np.array([np.mean([a[metric] - b[metric] for a, b in values], axis=0) for metric in metrics])  # (metrics, N)
    lows, highs = bootstrap_interval(x, LEVEL, RESAMPLES, seed=0)
    found = {}
    for metric, row, low, high in zip(metrics, x, lows, highs, strict=True):
        if len(row) < SAMPLES or np.count_nonzero(row) < DIFFERING:
            found[metric] = {"fragile": True}
        else:
            found[metric] = {"sample_low": float(low), "sample_high": float(high), "fragile": bool(low <= 0 <= high)}
    return found


def sample_values(run: Run) -> dict[str, Floats]:
    """{metric: (N,)} of the test samples, whose mean is the metric; nothing without `predictions.parquet`."""
    file = run.folder / "predictions.parquet"
    if not file.exists():
        return {}
    stored = pyarrow.parquet.read_schema(file).names
    if not set(NEEDED) <= set(stored):  # of another version
        return {}
    table = pyarrow.parquet.read_table(file, columns=[name for name in stored if not name.startswith("probability/")])
    column = {name: table[name].to_numpy() for name in table.column_names}
    correct = {name: column[f"correct/{name}"] for name in ("both", "image", "text")}
    values = {f"accuracy/{name}": column[f"predicted/{name}"] == column["label"] for name in ("image", "text")}
    values["text_to_image/ssim"] = column["text_to_image/ssim"]
    if "image_to_text/class_coherent" in column:
        values["image_to_text/class_coherence"] = column["image_to_text/class_coherent"]
    rates = [(cell["no_image"], cell["no_text"]) for cell in run.surface]
    values[PRIMARY] = sample_availability(correct, column["place"], rates)
    return {name: np.asarray(value, np.float64) for name, value in values.items()}


def sample_availability(correct: dict[str, Floats], place: Floats, rates: list[tuple[float, float]]) -> Floats:
    """(N,) share of the cells of the availability surface in which each sample is right.

    Args:
        correct: (N,) bool under `both`, `image` and `text`.
        place: (N,) from `multimodal.metric.availability.missing_thresholds`.
        rates: (no image, no text) of each cell.
    """
    place = place.astype(np.float32)  # as the surface compares them
    steps = len({no_image for no_image, _ in rates}) - 1
    total = np.zeros(len(place))
    for no_image, no_text in rates:
        only_image = place >= (steps - round(no_text * steps)) / steps
        right = np.where(only_image, correct["image"], correct["both"])
        total += np.where(place < no_image, correct["text"], right)
    return total / len(rates)


def sentence(verdict: Verdict, margin: float) -> str:
    """A verdict in words."""
    v, measure = verdict, MEASURES[verdict.metric]
    if v.n == 0:
        return f"{v.first} and {v.second} have no seed in common: nothing to compare in {measure.words}"
    if v.difference is None:
        return f"{v.first} − {v.second} in {measure.words}: {v.note}"
    difference, low, high = (None if x is None else measure.signed(x, v.digits) for x in (v.difference, v.low, v.high))
    interval = "" if low is None else f" [{low}, {high}]"
    unit = f" {measure.unit}" if measure.unit else ""
    seeds = f"{v.n} seed" if v.n == 1 else f"{v.n} seeds"
    left_out = f" ({v.note})" if v.note else ""
    told = f"{v.first} − {v.second} = {difference}{unit}{interval} in {measure.words}, {seeds}"
    return f"{told}: {conclusion(v, margin)}{left_out}"


def conclusion(verdict: Verdict, margin: float) -> str:
    """What follows from the numbers."""
    v, measure = verdict, MEASURES[verdict.metric]
    if v.n < SEEDS:
        return "too few to say"
    within = f"{measure.factor * margin:g}"
    within += f" {measure.unit.removesuffix('s') if within == '1' else measure.unit}" if measure.unit else ""
    if v.shown:
        better = f"{v.first if v.difference > 0 else v.second} is better"
        better += f", by less than {within}" if v.equivalent else ""
        return f"{better}; on other test samples it may not be" if v.fragile else better
    corrected = " after Holm's correction" if v.low > 0 or v.high < 0 else ""
    return f"no difference shown{corrected}" + (f"; equivalent within {within}" if v.equivalent else "")


def plural(word: str, numbers: list[int]) -> str:
    """`seed 3`, `seeds 3, 4`."""
    return f"{word}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
