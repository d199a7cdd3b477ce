"""The words on a test: what was compared, the difference with its interval, and the conclusion."""

from multimodal.comparison.pairwise_test import SEEDS, Interval, PairwiseTest, Seeds
from multimodal.metric.catalogue import Unit
from multimodal.number_text import signed_text


def sentence(test: PairwiseTest) -> str:
    """Return the sentence on a test."""
    title, pair = test.metric.title, f"{test.first} − {test.second}"
    if test.n == 0:
        return f"{test.first} and {test.second} have no seed in common: nothing to compare in {title}"
    if test.mean is None:
        return f"{pair} in {title}: undefined for {test.undefined_for}: {test.reason}"
    text = f"{pair} = {with_interval(test)} in {title}, {seeds_of(test)}{at_chance(test)}: {conclusion(test)}"
    return f"{text} ({left_out(test)})" if test.unpaired else text


def with_interval(test: PairwiseTest) -> str:
    """Format the difference, its interval over seeds and, where a run has collapsed, its median."""
    interval = f" {signed_interval(test, test.interval)}" if test.interval else ""
    median = f", median {signed(test, test.median)}," if test.median is not None and any(test.collapses) else ""
    return f"{difference(test)}{interval}{median}"


def conclusion(test: PairwiseTest) -> str:
    """Return the conclusion from a test with a defined difference."""
    if not test.tested:
        return too_few(test)
    within = "" if test.margin is None else amount(test.metric.unit, test.margin)
    if test.significant:
        better = f"{test.better} is better" + (f", by less than {within}" if test.equivalent else "")
        return f"{better}; on other test samples it may not be" if test.sample_dependent else better
    if test.at_ceiling:
        return "both are at the ceiling of the task: cannot tell them apart"
    shown = "no difference shown" + (" after Holm's correction" if lost_to_holm(test) else "")
    if test.equivalent:
        return f"{shown}; equivalent within {within}"
    return shown if test.mdd is None else f"{shown}; one of {size_of(test, test.mdd)} could have been seen"


def too_few(test: PairwiseTest) -> str:
    """Return what is too few for a test: runs, or splits where there are several."""
    return "too few splits to say" if len(test.seeds) >= SEEDS else "too few to say"


def lost_to_holm(test: PairwiseTest) -> bool:
    """Return whether the interval excludes 0, and yet no difference is shown among so many tests."""
    low, high = test.interval or (0.0, 0.0)
    return test.tested and not test.significant and (low > 0 or high < 0)


def left_out(test: PairwiseTest) -> str:
    """Name the seeds without a pair: `seeds 7, 9 of one side only left out`."""
    return f"{named_seeds(test.unpaired)} of one side only left out"


def seeds_of(test: PairwiseTest) -> str:
    """Format the number of seeds: `6 seeds`, or of splits: `12 runs on 3 splits`."""
    splits = len({split for split, _ in test.seeds})
    return counted(len(test.seeds), "seed" if splits == 1 else "run") + (f" on {splits} splits" if splits > 1 else "")


def at_chance(test: PairwiseTest) -> str:
    """Return how many of the paired runs are no better than chance: `, 1 run of attention at chance`."""
    sides = zip(test.collapses, (test.first, test.second), strict=True)
    parts = [f"{counted(count, 'run')} of {fusion}" for count, fusion in sides if count]
    return f", {' and '.join(parts)} at chance" if parts else ""


def named_seeds(seeds: tuple[Seeds, ...]) -> str:
    """Name seeds: `seeds 7, 9`, or where the split varies, `seeds 0/7, 1/7` with that of the data first."""
    several = len({split for split, _ in seeds}) > 1
    names = [f"{split}/{seed}" if several else f"{seed}" for split, seed in seeds]
    return f"seed{'s' * (len(names) > 1)} {', '.join(names)}"


def difference(test: PairwiseTest) -> str:
    """Format the difference with its unit: `+1.2 points`."""
    assert test.mean is not None, "an undefined difference has no text"
    return f"{signed(test, test.mean)} {test.metric.unit.name}".strip()


def signed_interval(test: PairwiseTest, interval: Interval) -> str:
    """Format an interval of the difference: `[+0.9, +1.5]`."""
    low, high = (signed(test, end) for end in interval)
    return f"[{low}, {high}]"


def signed(test: PairwiseTest, value: float) -> str:
    """Format a value in the unit of the difference, with its sign; a rounded zero gets a plus."""
    return signed_text(test.metric.unit.factor * value, digits_of(test))


def size_of(test: PairwiseTest, value: float) -> str:
    """Format the size of a difference with its unit, rounded up: `2.4 points`."""
    unit = test.metric.unit
    step = 10**-unit.digits
    return f"{-(-unit.factor * value // step) * step:.{unit.digits}f} {unit.name}".strip()


def amount(unit: Unit, value: float) -> str:
    """Format a round number with its unit: `1 point`."""
    number = f"{unit.factor * value:g}"
    return f"{number} {unit.name.removesuffix('s') if number == '1' else unit.name}".strip()


def digits_of(test: PairwiseTest) -> int:
    """Return the digits to print: enough that a significant difference does not round to zero."""
    unit = test.metric.unit
    digits = unit.digits
    while test.significant and test.mean is not None and round(unit.factor * test.mean, digits) == 0:
        digits += 1
    return digits


def counted(count: int | str, noun: str) -> str:
    """Format a count with its noun: `1 run`, `2 runs`."""
    return f"{count} {noun}{'' if str(count) == '1' else 's'}"
