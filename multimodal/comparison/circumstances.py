"""What a verdict holds for: test samples, budget, tuning, sizes of the fusions, runs that came to nothing."""

from collections import Counter
from collections.abc import Iterable

from multimodal.comparison.collapse import collapsed, sample_count
from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.run import Failure, Run
from multimodal.comparison.wording import counted
from multimodal.runs.space import parse_space

# Settings that choose what is compared, where and how it is measured. Any other one that is given changes a default.
CHOICES = (
    "dataset",
    "caption",
    "task",
    "fusion",
    "seed",
    "training.steps",
    "training.epochs",
)  # not what is below them
PARTS: tuple[str, ...] = (
    "dataset.source",
    "dataset.path",
    "dataset.hub_id",
    "dataset.seed",
    "checkpoint",
    "cache_dir",
    "hydra",
    "mode",
)
PARTS += ("evaluation", "tracking", "output_dir", "report", "resume", "requeue", "trust", "samples", "push")
PARTS += ("training.accelerator", "training.devices", "training.num_nodes", "training.strategy")
PARTS += ("training.accumulation",)


def circumstances(runs: list[Run], failures: list[Failure]) -> str:
    """Return the sentence on what the verdict on a group of runs is of."""
    sizes = sorted({size for run in runs if (size := sample_count(run)) is not None})
    parts = [f"{among(sizes)} test samples"] if sizes else []
    parts += [budget(runs), tuning(runs), fusion_sizes(runs), chance_runs(runs), failures_of(runs, failures)]
    return f"Holds for {'; '.join(part for part in parts if part)}."


def budget(runs: list[Run]) -> str:
    """Return the budget: `1,000 steps of 64 samples (64,000 samples seen)`; empty if a run does not say."""
    settings = [run.config.get("training") for run in runs]
    known = {(own.get("epochs"), own.get("steps"), own.get("batch_size")) for own in settings if isinstance(own, dict)}
    if len(known) != 1:
        return "different budgets" if known else ""
    epochs, steps, batch = known.pop()
    if epochs is not None:
        return f"{counted(epochs, 'epoch')} at most"
    if not isinstance(steps, int):
        return ""
    seen = f" of {batch} samples ({steps * batch:,} samples seen at most)" if isinstance(batch, int) else ""
    return f"{steps:,} steps{seen}"


def tuning(runs: list[Run]) -> str:
    """Return whether the settings are tuned, the untuned defaults, or which are given, with the value of all runs."""
    searched = {name for run in runs if run.tuning is not None for name in run.tuning["chosen"]}
    lines = [dict(o.lstrip("+~").partition("=")[::2] for o in run.config.get("overrides", [])) for run in runs]
    given: dict[str, set[str]] = {}
    for name in sorted({name for line in lines for name in line} - searched):
        if name not in CHOICES and not any(f"{name}.".startswith(f"{part}.") for part in PARTS):
            given[name] = {line.get(name, "") for line in lines}
    texts = [f"{name}={value}" if not rest and value else name for name, (value, *rest) in given.items()]
    defaults = f"defaults but for {', '.join(texts)}" if texts else ""
    if searched:
        return search_words(runs) + (f"; all else {defaults}" if texts else "")
    return f"{defaults}, without a search" if texts else "untuned defaults"


def search_words(runs: list[Run]) -> str:
    """Return how the settings of runs were searched: `tuned: 20 trials per fusion over dim 64 or 128`."""
    found = [run.tuning for run in runs if run.tuning is not None]
    if len(found) < len(runs):
        return "tuned in part"
    if any((each["trials"], each["space"]) != (found[0]["trials"], found[0]["space"]) for each in found):
        return "tuned in different ways"
    space = ", ".join(map(str, parse_space(found[0]["space"])))
    return f"tuned: {counted(found[0]['trials'], 'trial')} per fusion over {space}"


def fusion_sizes(runs: list[Run]) -> str:
    """Return the number of parameters of each fusion alone: `fusion parameters: attention 364,928, concat 98,944`."""
    texts = []
    for fusion, own in by_fusion(runs).items():
        counts = sorted({int(x) for run in own if (x := run.metrics.get("cost/fusion_parameters")) is not None})
        texts += [f"{fusion} {among(counts)}"] if counts else []
    return f"the fusions' own parameters: {', '.join(texts)}" if texts else ""


def chance_runs(runs: list[Run]) -> str:
    """Return which fusions have runs that are no better than chance: `at chance: transformer 2 of 6 runs`."""
    counts = {fusion: (sum(map(collapsed, own)), len(own)) for fusion, own in by_fusion(runs).items()}
    texts = [f"{fusion} {count} of {counted(total, 'run')}" for fusion, (count, total) in counts.items() if count]
    return f"at chance: {', '.join(texts)}" if texts else ""


def failures_of(runs: list[Run], failures: list[Failure]) -> str:
    """Return how many jobs on the same dataset failed, by fusion: `failed and not counted: gated 1`."""
    own = [failure.fusion for failure in failures if failure.status == "failed" and failure.dataset == runs[0].dataset]
    texts = [f"{fusion} {count}" for fusion, count in sorted(Counter(own).items())]
    return f"failed and not counted, in any setting: {', '.join(texts)}" if texts else ""


def among(numbers: Iterable[int]) -> str:
    """Format a number, or the range of several: `360`, `360 to 400`."""
    ordered = sorted(numbers)
    first, last = f"{ordered[0]:,}", f"{ordered[-1]:,}"
    return first if first == last else f"{first} to {last}"
