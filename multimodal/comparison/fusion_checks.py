"""Items of the reliability checklist on the fusions: equal sizes, enough seeds, no collapse, the positive control."""

from collections import Counter

from multimodal.comparison.check import Check, Groups, fusion_names, fusions_of, named
from multimodal.comparison.circumstances import among
from multimodal.comparison.collapse import collapsed
from multimodal.comparison.gain_matrix import task_name
from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.pairwise_test import SEEDS, is_control
from multimodal.comparison.run import Run
from multimodal.comparison.sweep_command import base_fusion, kept_settings, sweep_commands
from multimodal.comparison.wording import counted
from multimodal.errors import one_line

SYNERGY = "task=synergy"
SYNERGY_ALONE = "experiment=synergy"  # the task with its recipe
SIZES = "cost/fusion_parameters"
TOLERANCE = 1.05 / 0.95  # `fusion_parameters` matches each fusion within 5 %


def equal_parameters(groups: Groups) -> Check:
    """Check that the fusions of a group have as many parameters; controls, which do not fuse, aside."""
    title = "Fusions of equal size"
    sizes = {
        name: {fusion: sizes_of(own) for fusion, own in by_fusion(runs).items() if not is_control(fusion)}
        for name, runs in groups.items()
    }
    unmeasured = [name for name, own in sizes.items() if not all(own.values())]
    if unmeasured:
        todo = "repeat the commands with the measure evaluation.measures.cost; it evaluates again and trains nothing"
        return Check(title, False, f"parameters not measured in {named(unmeasured)}", todo)
    ranges = {name: [size for counts in own.values() for size in counts] for name, own in sizes.items()}
    unequal = [name for name, own in ranges.items() if own and max(own) > TOLERANCE * min(own)]
    if not unequal:
        several = len({fusion for own in sizes.values() for fusion in own}) > 1
        return Check(title, True, f"{size_words(sizes)}{', within 5 %' if several else ''}")
    found = size_words({unequal[0]: sizes[unequal[0]]})
    runs = [run for name in unequal for run in groups[name]]
    given = [size for run in runs if (size := run.config.get("fusion_parameters")) is not None]
    size = max(given or [size for name in unequal for size in ranges[name]])
    command = sweep_commands(runs, f"fusion_parameters={size}")
    return Check(title, False, found, "a better fusion may be a larger one: compare them at one size", command)


def enough_seeds(groups: Groups) -> Check:
    """Check that each fusion has as many seeds as a test takes."""
    title = f"At least {SEEDS} seeds"
    counts = {
        (name, fusion): len({run.seeds for run in own})
        for name, runs in groups.items()
        for fusion, own in by_fusion(runs).items()
    }
    few = {key: count for key, count in counts.items() if count < SEEDS}
    if not few:
        return Check(title, True, f"{among(counts.values())} of each fusion")
    runs = [run for name, fusion in few for run in by_fusion(groups[name])[fusion]]
    command = sweep_commands(runs, seeds=list(range(SEEDS)))
    return Check(title, False, f"{among(few.values())} of {fusions_of({'': runs})}", "train more", command)


def no_collapses(groups: Groups) -> Check:
    """Check that no run is at chance."""
    title = "No collapsed runs"
    runs = [run for own in groups.values() for run in own]
    totals, at_chance = Counter(run.fusion for run in runs), [run for run in runs if collapsed(run)]
    if not at_chance:
        return Check(title, True, f"none of {counted(len(runs), 'run')} is at chance where its inputs tell more")
    counts = Counter(run.fusion for run in at_chance)
    parts = [f"{fusion} {n} of {counted(totals[fusion], 'run')}" for fusion, n in counts.items()]
    todo = (
        f"look at the curves in {named(one_line(run.folder.name) for run in at_chance)}; then tune (mode=tune tries "
        "several settings), or give a longer training.steps or a lower optimizer.lr, in another output_dir: here these "
        "runs stay beside the new ones"
    )
    return Check(title, False, f"at chance: {', '.join(parts)}", todo)


def positive_control(groups: Groups) -> Check:
    """Check that each fusion learns task=synergy, which no single modality answers, in one setting on each dataset."""
    title = "Positive control passed"
    everything = [run for runs in groups.values() for run in runs]
    fusions = [name for name in fusion_names(everything) if not is_control(name)]
    synergy = {name: own for name, runs in groups.items() if (own := [r for r in runs if task_name(r) == SYNERGY])}
    missing = [name for name in fusions if name not in fusion_names(run for own in synergy.values() for run in own)]
    if missing:
        runs = [run for run in everything if base_fusion(run) in missing]
        found = f"no run of {SYNERGY} of {', '.join(missing)}"
        todo = "a fusion that is at chance where neither modality answers alone does not fuse: see whether it does"
        return Check(title, False, found, todo, control_command(runs, missing))
    if not fusions:
        return Check(title, True, "there is no fusion of two modalities to control")
    counts: dict[tuple[str, str, str], list[int]] = {}  # of runs at chance, in each setting
    for own in synergy.values():
        for name in fusion_names(own):
            at_chance = [collapsed(run) for run in own if base_fusion(run) == name]
            counts.setdefault((name, own[0].dataset, own[0].source), []).append(sum(at_chance))
    failing = {name: min(found) for (name, *_), found in counts.items() if name in fusions and min(found)}
    if failing:
        parts = [f"{name} in {counted(count, 'run')}" for name, count in failing.items()]
        todo = "what it scores elsewhere is no evidence of fusing; train it longer, or tune it (mode=tune) on this task"
        return Check(title, False, f"at chance in {SYNERGY}: {', '.join(parts)}", todo)
    return Check(title, True, f"{', '.join(fusions)} learned {SYNERGY}, which neither modality answers alone")


def control_command(runs: list[Run], fusions: list[str]) -> str:
    """Return the commands that train fusions on the positive control, its experiment on top of those of the runs."""
    by_experiment: dict[str, list[Run]] = {}
    for run in runs:
        settings = dict(setting.partition("=")[::2] for setting in kept_settings(run))
        by_experiment.setdefault(settings.get("experiment", "").strip("[]"), []).append(run)
    lines = []
    for names, own in by_experiment.items():
        stacked = [f"experiment=[{names},synergy]", SYNERGY]  # a sweep in an experiment's file may name other tasks
        lines.append(sweep_commands(own, *(stacked if names else [SYNERGY_ALONE]), fusions=fusions))
    return "\n".join(lines)


def sizes_of(runs: list[Run]) -> list[int]:
    """Return the numbers of parameters of a fusion's runs, each once; empty if none was measured."""
    return sorted({int(size) for run in runs if (size := run.metrics.get(SIZES)) is not None})


def size_words(sizes: dict[str, dict[str, list[int]]]) -> str:
    """Return the sizes of the fusions over all groups: `attention 364,928, concat 98,944`."""
    merged: dict[str, set[int]] = {}
    for own in sizes.values():
        for fusion, counts in own.items():
            merged.setdefault(fusion, set()).update(counts)
    return ", ".join(f"{fusion} {among(counts)}" for fusion, counts in merged.items()) or "no fusion of two modalities"
