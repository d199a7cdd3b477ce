"""The verdict of a comparison: sentences on all runs, and on each group of them."""

from collections import Counter

from multimodal.comparison.circumstances import circumstances
from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.pairwise_test import BARS, LEAST, SEEDS, PairwiseTest, best_fusion, enough_seeds, fusing
from multimodal.comparison.run import Failure, Run
from multimodal.comparison.sweep_command import base_fusion
from multimodal.comparison.wording import conclusion, counted, left_out, seeds_of, sentence, too_few, with_interval
from multimodal.metric.catalogue import primary

BAR_NAMES = {
    "reference": "{}, the reference",
    "control": "{}, the better control",
    "product": "the {}",
    "variant": "{}",
}
MOST = 16  # largest number of sentences on pairs for each group; the table has all pairs


def group_sentences(
    groups: dict[str, list[Run]], tests: list[PairwiseTest], failures: list[Failure]
) -> dict[str, list[str]]:
    """Return {title of a group: sentences}; if several groups have one fusion only, they share one sentence."""
    own = {title: [test for test in tests if test.group == title] for title in groups}
    alone = [title for title, runs in groups.items() if len(by_fusion(runs)) < 2 and not own[title]]
    if len(alone) < 2:
        alone = []
    sentences = {
        title: [*describe_group(runs, own[title]), circumstances(runs, failures)]
        for title, runs in groups.items()
        if title not in alone
    }
    if alone:
        sentences[f"{len(alone)} settings of one fusion each"] = [
            "nothing to compare with; their numbers are in the tables."
        ]
    return sentences


def describe_group(runs: list[Run], tests: list[PairwiseTest]) -> list[str]:
    """Return the sentences on a group: the best fusion, then a line for each fusion with its bars.

    Without a reference and a control, the lines are of the pairs of fusions.
    """
    fusions = by_fusion(runs)
    tests = [test for test in tests if test.metric.name == primary().name]
    bars = {name: [t for kind in BARS for t in tests if (t.first, t.kind) == (name, kind)] for name in fusions}
    lines = [bars_sentence(name, own) for name, own in bars.items() if own]
    others = [test for test in tests if test.kind not in BARS]
    if len(fusions) == 1:
        return [f"{runs[0].fusion} alone: nothing to compare with.", *lines]
    told = [] if any(test.kind != "product" for own in bars.values() for test in own) else others[:MOST]
    more = len(others) - len(told)
    best = [best_sentence(fusions, tests)] if len(fusions) > 2 else []
    rest = [f"{counted(more, 'more comparison')} in the table of all comparisons."] if more else []
    return [*best, *lines, *map(sentence, told), *rest]


def bars_sentence(fusion: str, bars: list[PairwiseTest]) -> str:
    """Return the line on a fusion: whether it fuses, then its difference over each bar.

    Args:
        fusion: its name.
        bars: at least one of its tests against reference, better control, product of own answers, and other variants
            of it, in this order.
    """
    if len(bars) == 1 and bars[0].kind != "product":
        return sentence(bars[0])
    defined = [test for test in bars if test.mean is not None]
    silent = not any(test.tested for test in defined)
    seeds = list(dict.fromkeys(seeds_of(test) for test in defined))
    parts = [bar_part(test, silent, len(seeds) > 1) for test in bars]
    own = fusing(bars).get(fusion)
    title = primary().title + (f", {seeds[0]}" if len(seeds) == 1 else "")
    if silent and defined:
        said = f"{too_few(defined[0])} whether it fuses" if own else too_few(defined[0])
        return f"{fusion}, {title}: {said}: {'; '.join(parts)}."
    head = fusion
    if own is not None:
        head += " fuses" if all(test.clears for test in own) else " is not shown to fuse"
    return f"{head} ({title}): {'; '.join(parts)}."


def bar_part(test: PairwiseTest, silent: bool, seeds: bool) -> str:
    """Return the difference over one bar: `+2.0 points [+1.8, +2.2] against concat (attention is better)`.

    Args:
        test: of a fusion and a bar.
        silent: whether its conclusion is left out, because it is the same for all bars.
        seeds: whether to name the number of seeds.
    """
    name = BAR_NAMES[test.kind].format(test.second)
    if test.mean is None:
        return f"undefined against {name} ({test.reason or 'no seed in common'})"
    notes = [seeds_of(test)] if seeds else []
    notes += [] if silent else [conclusion(test)]
    if test.product_is_ceiling and not silent and not test.beats:
        notes.append("here the product of ideal answers is the ceiling, so to equal it is to fuse")
    notes += [left_out(test)] if test.unpaired else []
    return f"{with_interval(test)} against {name}" + (f" ({'; '.join(notes)})" if notes else "")


def best_sentence(fusions: dict[str, list[Run]], tests: list[PairwiseTest]) -> str:
    """Return the sentence on which fusion is significantly better than all others in the primary metric."""
    enough, best, title = enough_seeds(fusions), best_fusion(fusions, primary(), tests), primary().title
    if len(enough) < 2:
        return f"Fewer than {SEEDS} seeds: too few to say who is ahead in {title}."
    if not any(test.tested for test in tests):
        return f"Fewer than {LEAST} splits: too few to say who is ahead in {title}."
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
    fusions, datasets = len({base_fusion(run) for run in runs}), len({run.dataset for run in runs})
    variants = len({run.fusion for run in runs})
    counts = [counted(len(runs), "run"), counted(fusions, "fusion"), counted(datasets, "dataset")]
    if variants > fusions:
        counts[1] = f"{variants} variants of {counts[1]}"
    counts += [counted(len(groups), "setting")] if len(groups) > datasets else []
    return (
        f"{', '.join(counts)}, {counted(seeds, 'seed')} each; {not_compared}. "
        f"{'Variants' if variants > fusions else 'Fusions'} are compared on the same data, paired by seed; "
        f"equivalent is within {counted(f'{100 * margin:g}', 'point')} of accuracy."
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
