"""The verdict of a comparison: sentences on all runs, and on each group of them."""

from collections import Counter

from multimodal.comparison.circumstances import circumstances
from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.pairwise_test import (
    SEEDS,
    PairwiseTest,
    best_fusion,
    enough_seeds,
    fusing,
    is_control,
    is_reference,
)
from multimodal.comparison.run import Failure, Run
from multimodal.comparison.wording import conclusion, counted, sentence, with_interval
from multimodal.metric.catalogue import primary

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
    """Return the sentences on a group: the best fusion, each beside the reference, and which of them fuse."""
    fusions = by_fusion(runs)
    tests = [test for test in tests if test.metric.name == primary().name]
    pairs = [test for test in tests if test.kind != "product"]
    if not pairs:
        return [f"{runs[0].fusion} alone: nothing to compare with.", *fuse_sentences(tests)]
    if len(fusions) == 2:
        return [*map(sentence, pairs), *fuse_sentences(tests)]
    with_reference = [test for test in pairs if is_reference(test.second) or is_reference(test.first)]
    with_reference.sort(key=lambda test: is_control(test.first) or is_control(test.second))
    lines = [sentence(test) for test in (with_reference or pairs)[:MOST]]
    more = len(pairs) - len(lines)
    rest = [f"{counted(more, 'more comparison')} in the table of all comparisons."] if more > 0 else []
    return [best_sentence(fusions, pairs), *lines, *fuse_sentences(tests), *rest]


def fuse_sentences(tests: list[PairwiseTest]) -> list[str]:
    """Return for each fusion whether it fuses: whether it beats the better control and its own answers' product."""
    lines = []
    for fusion, bars in fusing(tests).items():
        beaten = all(test.beats for test in bars)
        shown = "fuses" if beaten else "is not shown to fuse"
        details = "; ".join(f"{with_interval(test)} over {test.second}: {conclusion(test)}" for test in bars)
        lines.append(
            f"{fusion} {shown} ({details})"
            if min(test.n for test in bars) >= SEEDS
            else (f"too few seeds to say whether {fusion} fuses ({details})")
        )
    return lines


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
