"""The result of comparing two fusions in one metric: over seeds, and over the test samples.

Pairing by seed measures the variation between trainings; pairing by test sample measures the variation between test
splits for the trained models. The first decides whether a difference is shown; the second whether it is one of the
fusions or of this test split.
"""

from dataclasses import dataclass

from multimodal.comparison.run import Run
from multimodal.metric.catalogue import MetricSpec

SEEDS = 6  # fewest paired runs for a test
LEAST = 3  # fewest runs, or splits where there are several, for an interval or a median: of two, both say nothing
LEVEL = 0.95  # of every interval; a difference is significant where p is below 1 - LEVEL
REFERENCE = "concat"  # the simplest fusion, with which the others are compared
CONTROLS = ("image_only", "text_only")  # fusions that read one modality
# What a fusion is compared with: the reference fusion with the same arguments, the better control, the product of its
# own answers from each modality alone, itself with other arguments, or any other fusion.
BARS = ("reference", "control", "product", "variant")
PAIR = "pair"

Interval = tuple[float, float]
Seeds = tuple[int, int]  # dataset.seed, seed


@dataclass(frozen=True)
class PairwiseTest:
    """Holds the comparison of a fusion with a bar or with another fusion, in one metric.

    Args:
        group: title of the runs' group.
        metric: the metric's entry in the catalogue.
        first: a fusion.
        second: what it is compared with: a fusion, or the product of its own answers.
        kind: `reference`, `control`, `product`, `variant` or `pair`.
        n: number of paired differences that the test is of: pairs of runs, or splits if there are several.
        seeds: (dataset.seed, seed) of each pair of runs.
        unpaired: those that only one of the two fusions has; they are left out.
        differences: first - second of each pair of runs, in the order of `seeds`; empty if undefined.
        mean: mean of the differences; None if it is undefined.
        median: their median, which a single failed training does not move; None with fewer than LEAST.
        interval: 95 % interval over seeds, or over splits if there are several, not adjusted for multiple tests; None
            with fewer than LEAST of them.
        margin: largest difference that counts as equivalent; None for a metric that is no accuracy.
        sample_interval: 95 % interval over test samples of the difference averaged over the seeds; None if predictions
            were not saved, or there are several splits.
        sample_dependent: whether other test samples may show no difference: by the interval, by the sign test where
            samples are few, or by seeds and samples taken together.
        error: standard error over seeds and, if predictions were saved, test samples together; None without a test.
        p: p value of the hypothesis of no difference over seeds, Holm-adjusted within its family (see `families`);
            None with fewer than SEEDS runs or LEAST splits.
        p_population: p value of the same over seeds and test samples together, adjusted in the same way.
        p_equivalent: p value of the hypothesis of a difference outside the margin, over both, adjusted alike.
        mdd: the smallest difference that a test at this n, with this error and in this family, shows with a
            probability of 80 %; None without a test, or if nothing varies.
        collapses: number of paired runs of the first and of the second whose accuracy is no better than chance.
        at_ceiling: whether both are within the margin of the task's ceiling.
        product_is_ceiling: whether the second is the product of own answers on a task whose ceiling the product of
            ideal answers reaches, so that no model can be better than it could be.
        undefined_for: the run that lacks its metric; empty if all have it.
        reason: why it lacks it.
    """

    group: str
    metric: MetricSpec
    first: str
    second: str
    kind: str
    n: int
    seeds: tuple[Seeds, ...] = ()
    unpaired: tuple[Seeds, ...] = ()
    differences: tuple[float, ...] = ()
    mean: float | None = None
    median: float | None = None
    interval: Interval | None = None
    margin: float | None = None
    sample_interval: Interval | None = None
    sample_dependent: bool = False
    error: float | None = None
    p: float | None = None
    p_population: float | None = None
    p_equivalent: float | None = None
    mdd: float | None = None
    collapses: tuple[int, int] = (0, 0)
    at_ceiling: bool = False
    product_is_ceiling: bool = False
    undefined_for: str = ""
    reason: str = ""

    @property
    def tested(self) -> bool:
        """Return whether there are enough runs, and enough splits, for a test."""
        return self.p is not None

    @property
    def significant(self) -> bool:
        """Return whether the difference is significant at the 5 % level, over seeds."""
        return self.p is not None and self.p < 1 - LEVEL

    @property
    def equivalent(self) -> bool:
        """Return whether the difference is significantly within the margin, over seeds and over test samples.

        It may also differ significantly from 0.
        """
        if self.margin is None or self.p_equivalent is None or self.p_equivalent >= 1 - LEVEL:
            return False
        return self.sample_interval is None or max(map(abs, self.sample_interval)) < self.margin

    @property
    def better(self) -> str:
        """Return the side with the better mean."""
        assert self.mean is not None, "an undefined difference has no better side"
        return self.first if (self.mean > 0) == self.metric.higher_is_better else self.second

    @property
    def worse(self) -> str:
        """Return the side with the worse mean."""
        return self.second if self.better == self.first else self.first

    @property
    def beats(self) -> bool:
        """Return whether the first is significantly better, over seeds and over test samples."""
        return self.significant and not self.sample_dependent and self.better == self.first

    @property
    def clears(self) -> bool:
        """Return whether the first clears this bar of fusing: it beats it, or equals it where it cannot be beaten.

        Equal is what is not shown worse over seeds, or equivalent within the margin.
        """
        if not self.product_is_ceiling or not self.tested:
            return self.beats
        return self.equivalent or not (self.significant and self.better == self.second)


def check_margin(margin: float) -> None:
    """Raise ValueError unless the margin is a number above 0 and below 1."""
    if not isinstance(margin, int | float) or not 0 < margin < 1:
        raise ValueError(f"report.margin must be a share above 0 and below 1 (0.01 is 1 point), got {margin}")


def base_name(fusion: str) -> str:
    """Return the name of a fusion without the arguments in which the runs differ."""
    return fusion.partition(" ")[0]


def arguments_of(fusion: str) -> str:
    """Return what follows the name of a fusion: the arguments in which the runs differ, or an empty text."""
    return fusion.partition(" ")[2]


def is_reference(fusion: str) -> bool:
    """Return whether this is the reference fusion, with any arguments."""
    return base_name(fusion) == REFERENCE


def is_control(fusion: str) -> bool:
    """Return whether this fusion reads one modality, with any arguments."""
    return base_name(fusion) in CONTROLS


def enough_seeds(fusions: dict[str, list[Run]]) -> list[str]:
    """Return the fusions with enough seeds for a test."""
    return [name for name, runs in fusions.items() if len({run.seeds for run in runs}) >= SEEDS]


def fusing(tests: list[PairwiseTest]) -> dict[str, tuple[PairwiseTest, PairwiseTest]]:
    """Return {fusion: its tests against the better control and against the product of its own answers}.

    A fusion fuses if it clears both. Fusions that lack one of the two tests are left out.
    """
    bars = {(test.first, test.kind): test for test in tests if test.kind in BARS[1:3] and test.mean is not None}
    names = [name for name, kind in bars if kind == "product" and (name, "control") in bars]
    return {name: (bars[name, "control"], bars[name, "product"]) for name in names}


def best_fusion(fusions: dict[str, list[Run]], metric: MetricSpec, tests: list[PairwiseTest]) -> str | None:
    """Return the fusion that is significantly better than every other one with enough seeds, also over test samples."""
    tests = [test for test in tests if test.metric.name == metric.name]
    ahead = {(test.better, test.worse) for test in tests if test.significant and not test.sample_dependent}
    measured = [
        fusion
        for fusion in enough_seeds(fusions)
        if any(run.metrics.get(metric.name) is not None for run in fusions[fusion])
    ]
    for fusion in measured:
        others = [other for other in measured if other != fusion]
        if others and all((fusion, other) in ahead for other in others):
            return fusion
    return None
