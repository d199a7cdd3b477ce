"""The reliability checklist of a comparison, filled in from its runs.

After Rheude et al. 2025, Fusion or Confusion? Multimodal Complexity Is Not All You Need,
https://arxiv.org/abs/2512.22991, whose checklist a reader ticks by hand. Each item is a function of the groups of runs.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from multimodal.comparison.budgets import BUDGETS
from multimodal.comparison.circumstances import among
from multimodal.comparison.collapse import collapsed
from multimodal.comparison.gain_matrix import task_name
from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.pairwise_test import CONTROLS, SEEDS, is_control
from multimodal.comparison.run import Run
from multimodal.comparison.run_labels import PROTOCOL, USUAL
from multimodal.comparison.sweep_command import base_fusion, kept_settings, sweep_commands
from multimodal.comparison.wording import counted

SOURCE = "After Rheude et al. 2025 (arXiv 2512.22991); filled in from the runs of this folder."
SYNERGY = "task=synergy"
SYNERGY_ALONE = "experiment=synergy"  # the task with its recipe
SIZES = "cost/fusion_parameters"
TOLERANCE = 1.05 / 0.95  # `fusion_parameters` matches each fusion within 5 %
NAMED = 3  # groups or fusions that a finding names

Groups = dict[str, list[Run]]


@dataclass(frozen=True)
class Check:
    """An item of the checklist.

    Args:
        title: what is checked.
        ticked: whether it holds for all groups.
        found: what the runs say.
        todo: what is missing, in words; empty if it is ticked.
        command: what to run, in lines; empty if it is ticked, or no command mends it.
    """

    title: str
    ticked: bool
    found: str
    todo: str = ""
    command: str = ""


def checklist(groups: Groups) -> list[Check]:
    """Return all items; none without runs."""
    return [check(groups) for check in CHECKS] if groups else []


def equal_tuning(groups: Groups) -> Check:
    """Check that all fusions of a group were tuned, by as many trials over the same space with the same seeds."""
    title = "Equal tuning"
    untuned = {name: [run for run in runs if run.tuning is None] for name, runs in groups.items()}
    untuned = {name: runs for name, runs in untuned.items() if runs}
    if untuned:
        found = f"untuned: {fusions_of(untuned)} in {named(untuned)}"
        return Check(title, False, found, "search settings for all fusions alike", tuning_command(untuned))
    ways: dict[tuple[str, ...], dict[str, list[Run]]] = {}
    for runs in groups.values():
        for run in runs:
            ways.setdefault(compared_data(run), {}).setdefault(protocol(run), []).append(run)
    unequal = [way for way in ways.values() if len(way) > 1]
    if unequal:
        parts = [f"{', '.join(fusion_names(runs))} by {trials_of(runs)}" for runs in unequal[0].values()]
        most = max((runs for way in unequal for runs in way.values()), key=lambda runs: trials(runs[0]))
        others = [run for way in unequal for runs in way.values() for run in runs if run not in most]
        command = sweep_commands(most, fusions=fusion_names(others))
        return Check(title, False, f"tuned in different ways: {'; '.join(parts)}", "tune all alike", command)
    everything = [run for runs in groups.values() for run in runs]
    failed: Counter[str] = Counter()
    searches = {(run.group, run.fusion): run.tuning for run in everything if run.tuning}  # one for all seeds
    for (_, fusion), tuning in searches.items():
        failed += Counter({fusion: tuning["failed"]})
    failures = f"; failed and counted: {', '.join(f'{name} {n}' for name, n in failed.items())}" if failed else ""
    return Check(title, True, f"{trials_of(everything)} for each fusion, over the same space{failures}")


def tuned_controls(groups: Groups) -> Check:
    """Check that each group has both unimodal baselines, and that they were tuned."""
    title = "Tuned unimodal baselines"
    lacking = {name: [c for c in CONTROLS if c not in map(base_fusion, runs)] for name, runs in groups.items()}
    lacking = {name: controls for name, controls in lacking.items() if controls}
    if lacking:
        missing = [c for c in CONTROLS if any(c in controls for controls in lacking.values())]
        runs = [run for name in lacking for run in groups[name]]
        found = f"no {' and no '.join(missing)} in {named(lacking)}"
        command = sweep_commands(runs, *tuned_mode(runs), fusions=missing)
        return Check(title, False, found, "add them, tuned as the fusions are", command)
    untuned = {
        name: own
        for name, runs in groups.items()
        if (own := [r for r in runs if is_control(r.fusion) and not r.tuning])
    }
    if untuned:
        found = f"{' and '.join(CONTROLS)} are there, but untuned in {named(untuned)}"
        return Check(title, False, found, "tune them too", tuning_command(untuned))
    return Check(title, True, f"{' and '.join(CONTROLS)} are there, tuned as the fusions are")


def unused_test_split(groups: Groups) -> Check:
    """Check that nothing could be chosen by a test score: neither checkpoints nor settings compared side by side."""
    title = "Test split never used for selection"
    found = "checkpoints are chosen on the validation split"
    if any(run.tuning for runs in groups.values() for run in runs):
        found += ", and so are settings; trials had no test split"
    variants: dict[tuple[str, ...], set[str]] = {}
    for runs in groups.values():
        for run in runs:
            settings = [part for part in run.setting.split(", ") if part and not_searched(part)]
            _, _, arguments = run.fusion.partition(" ")
            variants.setdefault((*compared_data(run), base_fusion(run)), set()).add(" ".join([*settings, arguments]))
    several = {key[-1]: len(own) for key, own in variants.items() if len(own) > 1}
    if several:
        parts = [f"{count} settings of {fusion}" for fusion, count in list(several.items())[:NAMED]]
        return Check(
            title,
            False,
            f"{found}; but {', '.join(parts)} stand side by side with their test scores",
            "do not take the best of them by these scores: let mode=tune choose on the validation split",
        )
    return Check(title, True, found)


def no_duplicates(groups: Groups) -> Check:
    """Check that no image is nearly in two splits."""
    title = "No duplicates across splits"
    unknown, counts = [], {}
    for name, runs in groups.items():
        found = [run.card.get("near_duplicate_counts") for run in runs]
        known = [counted_pairs for counted_pairs in found if counted_pairs is not None]
        unknown += [] if known else [name]
        worst: Counter[str] = Counter()
        for each in known:
            worst |= Counter({pair: n for pair, n in each.items() if n})
        if worst:
            counts[name] = worst
    if counts:
        name, worst = next(iter(counts.items()))
        parts = [f"{n} {pair.replace('_', ' ')}" for pair, n in worst.items()]
        todo = (
            "data_card.json of a run lists those of the test split; a column `split` in the data that puts both images "
            "into one split keeps them apart"
        )
        more = f"; and in {counted(len(counts) - 1, 'more setting')}" if len(counts) > 1 else ""
        return Check(title, False, f"nearly equal images in {name}: {', '.join(parts)}{more}", todo)
    if unknown:
        return Check(title, False, f"not counted in {named(unknown)}", "run again with this version of the suite")
    return Check(title, True, "no image is nearly equal to one of another split")


def equal_parameters(groups: Groups) -> Check:
    """Check that the fusions of a group have as many parameters; controls, which do not fuse, aside."""
    title = "Fusions of equal size"
    sizes = {
        name: {fusion: sizes_of(own) for fusion, own in by_fusion(runs).items() if not is_control(fusion)}
        for name, runs in groups.items()
    }
    unmeasured = [name for name, own in sizes.items() if not all(own.values())]
    if unmeasured:
        return Check(
            title,
            False,
            f"parameters not measured in {named(unmeasured)}",
            "evaluate again with evaluation.measures.cost",
        )
    ranges = {name: [size for counts in own.values() for size in counts] for name, own in sizes.items()}
    unequal = [name for name, own in ranges.items() if own and max(own) > TOLERANCE * min(own)]
    if not unequal:
        several = len({fusion for own in sizes.values() for fusion in own}) > 1
        return Check(title, True, f"{size_words(sizes)}{', within 5 %' if several else ''}")
    found = size_words({unequal[0]: sizes[unequal[0]]})
    runs = [run for name in unequal for run in groups[name]]
    largest = max(size for name in unequal for size in ranges[name])
    command = sweep_commands(runs, f"fusion_parameters={largest}")
    return Check(title, False, found, "a better fusion may be a larger one: compare them at one size too", command)


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
    counts: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for runs in groups.values():
        for run in runs:
            totals[run.fusion] += 1
            counts[run.fusion] += collapsed(run)
    at_chance = [f"{fusion} {n} of {counted(totals[fusion], 'run')}" for fusion, n in counts.items() if n]
    if at_chance:
        todo = "look at their curves: a longer training.steps, a lower optimizer.lr, or mode=tune, which tries several"
        return Check(title, False, f"at chance: {', '.join(at_chance)}", todo)
    return Check(title, True, f"none of {counted(totals.total(), 'run')} is at chance where its inputs tell more")


def positive_control(groups: Groups) -> Check:
    """Check that each fusion learns task=synergy, which no single modality answers."""
    title = "Positive control passed"
    everything = [run for runs in groups.values() for run in runs]
    fusions = [name for name in fusion_names(everything) if not is_control(name)]
    synergy = [run for run in everything if task_name(run) == SYNERGY]
    missing = [name for name in fusions if name not in fusion_names(synergy)]
    if missing:
        runs = [run for run in everything if base_fusion(run) in missing]
        found = f"no run of {SYNERGY} of {', '.join(missing)}"
        todo = "a fusion that is at chance where neither modality answers alone does not fuse: see whether it does"
        return Check(title, False, found, todo, control_command(runs, missing))
    if not fusions:
        return Check(title, True, "there is no fusion of two modalities to control")
    failing = {
        name: sum(map(collapsed, own)) for name in fusions if (own := [r for r in synergy if base_fusion(r) == name])
    }
    failing = {name: count for name, count in failing.items() if count}
    if failing:
        parts = [f"{name} in {counted(count, 'run')}" for name, count in failing.items()]
        todo = "what it scores elsewhere is no evidence of fusing; train it longer, or tune it (mode=tune) on this task"
        return Check(title, False, f"at chance in {SYNERGY}: {', '.join(parts)}", todo)
    return Check(title, True, f"{', '.join(fusions)} learned {SYNERGY}, which neither modality answers alone")


def same_code_and_data(groups: Groups) -> Check:
    """Check that the runs of one setting are of one version of the code and of the data."""
    title = "Equal code and data"
    codes: dict[tuple[str, ...], set[str | None]] = {}
    fusion_codes: dict[str, set[str | None]] = {}
    prints: dict[tuple[str, ...], set[str]] = {}
    for run in (run for runs in groups.values() for run in runs):
        setting = ", ".join(part for part in run.setting.split(", ") if not part.startswith("code="))
        codes.setdefault((*compared_data(run), setting), set()).add(run.config.get("code"))
        fusion_codes.setdefault(base_fusion(run), set()).add(run.config.get("fusion_code"))
        prints.setdefault((run.dataset, run.source, setting), set()).add(run.fingerprint)
    most = max(map(len, codes.values()))
    wrong = [f"{most} versions of the shared code"] if most > 1 else []
    wrong += [f"{len(own)} versions of {name}" for name, own in fusion_codes.items() if len(own) > 1]
    wrong += [f"{len(own)} versions of the data {key[0]}" for key, own in prints.items() if len(own) > 1]
    if wrong:
        todo = "run all again with one version, in a new folder: those of different versions are not compared"
        return Check(title, False, ", ".join(wrong), todo)
    hashes = sorted({fingerprint for own in prints.values() for fingerprint in own})
    return Check(title, True, f"one version of the code and of the data in each setting (data {named(hashes)})")


CHECKS: tuple[Callable[[Groups], Check], ...] = (
    equal_tuning,
    tuned_controls,
    unused_test_split,
    no_duplicates,
    equal_parameters,
    enough_seeds,
    no_collapses,
    positive_control,
    same_code_and_data,
)


def protocol(run: Run) -> str:
    """Return how a run was tuned, as a text that is equal for equal searches; empty if it was not."""
    tuning = run.tuning
    return "" if tuning is None else json.dumps([*(tuning[name] for name in PROTOCOL), tuning["sampler_seed"]])


def compared_data(run: Run) -> tuple[str, ...]:
    """Return the key of runs on the same data and task, whatever their other settings."""
    return run.dataset, run.source, run.fingerprint


def not_searched(part: str) -> bool:
    """Return whether a part of a run's setting is not among those that nobody would choose the best of."""
    name = part.partition("=")[0]
    return name not in (*BUDGETS, *USUAL, "fusion_parameters", "code") and not name.startswith("tuned.")


def trials(run: Run) -> int:
    """Return the number of trials that a run's settings were chosen from."""
    return 0 if run.tuning is None else run.tuning["trials"]


def trials_of(runs: list[Run]) -> str:
    """Return the number of trials in words: `20 trials`."""
    counts = sorted({trials(run) for run in runs})
    return counted(among(counts), "trial")


def tuned_mode(runs: list[Run]) -> list[str]:
    """Return what makes a command tune, if the first run's does not say it already."""
    return [] if runs[0].tuning is not None else ["mode=tune"]


def tuning_command(untuned: Groups) -> str:
    """Return the command that tunes the fusions of these groups."""
    return sweep_commands([run for runs in untuned.values() for run in runs], "mode=tune")


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


def fusion_names(runs: Iterable[Run]) -> list[str]:
    """Return the fusions of runs, each once, without arguments."""
    return list(dict.fromkeys(base_fusion(run) for run in runs))


def fusions_of(groups: Groups) -> str:
    """Return the names of the fusions of all groups."""
    return ", ".join(dict.fromkeys(run.fusion for runs in groups.values() for run in runs))


def named(titles: Iterable[str]) -> str:
    """Return the titles of a few groups, and how many more there are."""
    every = list(titles)
    more = len(every) - NAMED
    return "; ".join(every[:NAMED]) + (f"; and {more} more" if more > 0 else "")
