"""The sentences of a comparison: on each pair of fusions, on each group of runs, and on all runs."""

from collections import Counter

from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.pairwise_test import SEEDS, PairwiseTest, best_fusion, enough_seeds, is_reference
from multimodal.comparison.run import Failure, Run
from multimodal.metric.catalogue import primary

CONTROLS = ("image_only", "text_only")  # fusions that read one modality; most fusions beat them
MOST = 16  # largest number of sentences on pairs for each group; the table has all pairs


def sentence(test: PairwiseTest, margin: float) -> str:
    """Return the sentence on a test: what was compared, the difference with its interval, and the conclusion."""
    title, pair = test.metric.title, f"{test.first} − {test.second}"
    if test.n == 0:
        return f"{test.first} and {test.second} have no seed in common: nothing to compare in {title}"
    if test.difference is None:
        return f"{pair} in {title}: {test.note}"
    interval = f" {signed_interval(test, test.interval)}" if test.interval else ""
    text = f"{pair} = {difference(test)}{interval} in {title}, {counted(test.n, 'seed')}: {conclusion(test, margin)}"
    left_out = f"seed{'s' * (len(test.unpaired) > 1)} {', '.join(map(str, test.unpaired))} of one side only left out"
    return f"{text} ({left_out})" if test.unpaired else text


def conclusion(test: PairwiseTest, margin: float) -> str:
    """Return the conclusion from a test with a defined difference."""
    if test.n < SEEDS:
        return "too few to say"
    unit = test.metric.unit
    within = f"{unit.factor * margin:g}"
    within = f"{within} {unit.name.removesuffix('s') if within == '1' else unit.name}".strip()
    if test.significant:
        better = f"{test.better} is better" + (f", by less than {within}" if test.equivalent else "")
        return f"{better}; on other test samples it may not be" if test.sample_dependent else better
    assert test.interval is not None, "so many seeds give an interval"
    low, high = test.interval
    corrected = " after Holm's correction" if low > 0 or high < 0 else ""
    return f"no difference shown{corrected}" + (f"; equivalent within {within}" if test.equivalent else "")


def difference(test: PairwiseTest) -> str:
    """Format the difference with its unit: `+1.2 points`."""
    assert test.difference is not None, "an undefined difference has no text"
    return f"{signed(test, test.difference)} {test.metric.unit.name}".strip()


def signed_interval(test: PairwiseTest, interval: tuple[float, float]) -> str:
    """Format an interval of the difference: `[+0.9, +1.5]`."""
    low, high = (signed(test, end) for end in interval)
    return f"[{low}, {high}]"


def signed(test: PairwiseTest, value: float) -> str:
    """Format a value in the unit of the difference, with its sign; a rounded zero gets a plus."""
    digits = digits_of(test)
    return f"{round(test.metric.unit.factor * value, digits) + 0:+.{digits}f}".replace("-", "−")


def digits_of(test: PairwiseTest) -> int:
    """Return the digits to print: enough that a significant difference does not round to zero."""
    unit = test.metric.unit
    digits = unit.digits
    while test.significant and test.difference is not None and round(unit.factor * test.difference, digits) == 0:
        digits += 1
    return digits


def group_sentences(groups: dict[str, list[Run]], tests: list[PairwiseTest], margin: float) -> dict[str, list[str]]:
    """Return {title of a group: sentences}; if several groups have one fusion only, they share one sentence."""
    alone = [title for title, runs in groups.items() if len(by_fusion(runs)) < 2]
    if len(alone) < 2:
        alone = []
    sentences = {
        title: describe_group(runs, [test for test in tests if test.group == title], margin)
        for title, runs in groups.items()
        if title not in alone
    }
    if alone:
        sentences[f"{len(alone)} settings of one fusion each"] = [
            "nothing to compare with; their numbers are in the tables."
        ]
    return sentences


def describe_group(runs: list[Run], tests: list[PairwiseTest], margin: float) -> list[str]:
    """Return the sentences on a group: the best fusion, then each fusion against the reference, significant or not."""
    fusions = by_fusion(runs)
    if len(fusions) < 2:
        return [f"{runs[0].fusion} alone: nothing to compare with."]
    tests = [test for test in tests if test.metric.name == primary().name]
    if len(fusions) == 2:
        return [sentence(test, margin) for test in tests]
    with_reference = [test for test in tests if is_reference(test.second)]
    with_reference.sort(key=lambda test: test.first.partition(" ")[0] in CONTROLS)
    lines = [sentence(test, margin) for test in (with_reference or tests)[:MOST]]
    more = len(tests) - len(lines)
    rest = [f"{counted(more, 'more comparison')} in the table of all comparisons."] if more > 0 else []
    return [best_sentence(fusions, tests), *lines, *rest]


def best_sentence(fusions: dict[str, list[Run]], tests: list[PairwiseTest]) -> str:
    """Return the sentence on which fusion is significantly better than all others in the primary metric."""
    enough, best, title = enough_seeds(fusions), best_fusion(fusions, primary(), tests), primary().title
    if len(enough) < 2:
        return f"Fewer than {SEEDS} seeds: too few to say who is ahead in {title}."
    if best is None:
        return f"None of {', '.join(enough)} is shown ahead of all the others in {title}."
    return f"{best} is ahead of all the others in {title}."


def lead(groups: dict[str, list[Run]], failures: list[Failure], margin: float) -> str:
    """Return the sentences on the number of runs, fusions, datasets and failures, and on how they are compared."""
    runs = [run for own in groups.values() for run in own]
    not_compared = unfinished(failures)
    if not runs:
        return f"No run {'can be compared' if 'left out' in not_compared else 'has finished'}; {not_compared}."
    sizes = sorted({len(own) for group in groups.values() for own in by_fusion(group).values()})
    seeds = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    fusions, datasets = len({run.fusion for run in runs}), len({run.dataset for run in runs})
    counts = [counted(len(runs), "run"), counted(fusions, "fusion"), counted(datasets, "dataset")]
    counts += [counted(len(groups), "setting")] if len(groups) > datasets else []
    return (
        f"{', '.join(counts)}, {counted(seeds, 'seed')} each; {not_compared}. "
        "Fusions are compared on the same data, paired by seed; "
        f"equivalent is within {counted(f'{100 * margin:g}', 'point')}."
    )


def unfinished(failures: list[Failure]) -> str:
    """Return how many jobs failed and, if there are any, were interrupted or left out."""
    numbers = Counter(failure.status for failure in failures)
    failed, left_out = numbers.pop("failed", 0), numbers.pop("left out", 0)
    interrupted = numbers.total()
    parts = [f"{counted(failed, 'job')} failed"]
    parts += [f"{interrupted} interrupted"] if interrupted else []
    parts += [f"{counted(left_out, 'folder')} left out"] if left_out else []
    return ", ".join(parts)


def counted(count: int | str, noun: str) -> str:
    """Format a count with its noun: `1 run`, `2 runs`."""
    return f"{count} {noun}{'' if str(count) == '1' else 's'}"
