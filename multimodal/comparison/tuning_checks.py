"""Items of the reliability checklist on tuning: of all fusions alike, and of the unimodal baselines."""

from collections import Counter

from multimodal.comparison.check import Check, Groups, fusion_names, fusions_of, named
from multimodal.comparison.circumstances import among
from multimodal.comparison.judged_runs import protocol, trials
from multimodal.comparison.pairwise_test import CONTROLS, is_control
from multimodal.comparison.run import Run
from multimodal.comparison.sweep_command import base_fusion, sweep_commands
from multimodal.comparison.wording import counted


def equal_tuning(groups: Groups) -> Check:
    """Check that all fusions of a group were tuned, by as many trials over the same space with the same seeds."""
    title = "Equal tuning"
    unequal = filtered({name: unlike_reference(runs) for name, runs in groups.items()})
    if unequal:
        untuned = filtered({name: untuned_runs(runs) for name, runs in unequal.items()})
        found = f"untuned: {fusions_of(untuned)} in {named(untuned)}" if untuned else ways(groups[next(iter(unequal))])
        return Check(title, False, found, "search settings for all fusions alike", tuning_commands(groups, unequal))
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
        found = f"no {' and no '.join(missing)} in {named(lacking)}"
        asked = {name: groups[name] for name in lacking}
        others = fusion_names(run for runs in asked.values() for run in untuned_runs(runs))
        command = tuning_commands(groups, asked, fusions=[*others, *(c for c in missing if c not in others)])
        return Check(title, False, found, "add them, tuned as the fusions are", command)
    untuned = filtered({n: [r for r in untuned_runs(runs) if is_control(r.fusion)] for n, runs in groups.items()})
    if untuned:
        found = f"{' and '.join(CONTROLS)} are there, but untuned in {named(untuned)}"
        return Check(title, False, found, "tune them too", tuning_commands(groups, untuned))
    return Check(title, True, f"{' and '.join(CONTROLS)} are there and tuned")


def reference_run(runs: list[Run]) -> Run:
    """Return a run of the search that the other runs are to be tuned by: of the most trials, then of the most runs."""
    counts = Counter(map(protocol, runs))
    return max(runs, key=lambda run: (trials(run), counts[protocol(run)], protocol(run)))


def unlike_reference(runs: list[Run]) -> list[Run]:
    """Return the runs of a group that were not tuned, or not as the reference was."""
    wanted = protocol(reference_run(runs))
    return [run for run in runs if run.tuning is None or protocol(run) != wanted]


def untuned_runs(runs: list[Run]) -> list[Run]:
    """Return the runs that were not tuned."""
    return [run for run in runs if run.tuning is None]


def filtered(groups: Groups) -> Groups:
    """Return the groups that have runs."""
    return {name: runs for name, runs in groups.items() if runs}


def ways(runs: list[Run]) -> str:
    """Return how the fusions of a group were tuned, as a finding."""
    by_way: Groups = {}
    for run in runs:
        by_way.setdefault(protocol(run), []).append(run)
    parts = [f"{', '.join(fusion_names(own))} by {trials_of(own)}" for own in by_way.values()]
    return f"tuned in different ways: {'; '.join(parts)}"


def trials_of(runs: list[Run]) -> str:
    """Return the number of trials in words: `20 trials`."""
    return counted(among(map(trials, runs)), "trial")


def tuning_commands(groups: Groups, asked: Groups, fusions: list[str] | None = None) -> str:
    """Return the commands that tune runs as the reference of their group was, in lines.

    Args:
        groups: all of them.
        asked: {title: the runs to tune}.
        fusions: names; those of the runs by default.
    """
    searches: dict[tuple[str, ...], list[Run]] = {}
    for title, runs in asked.items():
        searches.setdefault(search_settings(reference_run(groups[title])), []).extend(runs)
    return "\n".join(sweep_commands(runs, *search, fusions=fusions) for search, runs in searches.items())


def search_settings(run: Run) -> tuple[str, ...]:
    """Return the overrides that search as a run was searched; those of the default search if it was not."""
    given = [] if run.tuning is None else run.tuning["command"]
    return ("mode=tune", *(override for override in given if override.startswith("mode.")))
