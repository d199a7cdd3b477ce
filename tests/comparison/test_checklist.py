"""The reliability checklist: each box is ticked by the runs that deserve it, and else says what to run."""

import shlex
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from multimodal.cli import checked
from multimodal.comparison.check import Check
from multimodal.comparison.checklist import SOURCE, checklist, checklist_source
from multimodal.comparison.data_checks import no_duplicates, same_code_and_data, unused_test_split
from multimodal.comparison.fusion_checks import enough_seeds, equal_parameters, no_collapses, positive_control
from multimodal.comparison.grouping import by_group
from multimodal.comparison.judged_runs import judged
from multimodal.comparison.run import Run
from multimodal.comparison.tuning_checks import equal_tuning, tuned_controls
from tests.helpers.made_up_pairs import made_up_run

FUSIONS = ("attention", "concat", "image_only", "text_only")
TUNING = {
    "space": ["optimizer.lr=0.001,0.01"],
    "trials": 20,
    "failed": 0,
    "tuning_seeds": [1000],
    "sampler_seed": 0,
    "chosen": {"optimizer.lr": 0.01},
    "trial": 3,
    "validation_accuracy": 0.9,
    "untuned": {"optimizer.lr": 0.001},
    "command": ["mode=tune", "training.steps=50", "fusion=concat"],
}
NO_PAIRS = {"test_in_train": 0, "validation_in_train": 0}
CARD = {"classes": {"test": {"a": 50, "b": 50}}, "near_duplicate_counts": NO_PAIRS}


def of_task(run: Run, task: str) -> Run:
    config = {"dataset": {"task": {"_target_": f"multimodal.task.{task}.Task"}}}
    setting = "" if task == "redundant" else f"task={task}"
    return replace(run, setting=setting, fingerprint=task, config=run.config | config)


def run_of(fusion: str, seed: int = 0, task: str = "noisy", value: float = 0.9, tuning: dict | None = TUNING) -> Run:
    run = made_up_run(fusion, seed, value)
    size = {"attention": 1020, "concat": 1000}.get(fusion, 300)
    config = {"code": "c", "fusion_code": fusion, "overrides": ["training.steps=50", f"fusion={fusion}"]}
    metrics = run.metrics | {"cost/fusion_parameters": size}
    return of_task(replace(run, card=CARD, config=config, metrics=metrics, tuning=tuning), task)


def with_setting(run: Run, part: str) -> Run:
    return replace(run, setting=f"{run.setting}, {part}")


def comparison(**changes) -> dict[str, list[Run]]:
    """Two tasks, each with two fusions, both controls, and six seeds."""
    return {
        task: [run_of(fusion, seed, task, **changes) for fusion in FUSIONS for seed in range(6)]
        for task in ("noisy", "synergy")
    }


def words_of(command: str) -> list[str]:
    """What is behind `python scripts/run.py`; the command line accepts it."""
    words = shlex.split(command)
    assert words[:2] == ["python", "scripts/run.py"]
    checked(words[2:])
    return words[2:]


def test_a_comparison_as_it_should_be_has_every_box_ticked():
    checks = checklist(comparison())
    assert [check.title for check in checks if not check.ticked] == []
    assert len(checks) == 9
    assert all(check.found and not check.todo and not check.command for check in checks)
    assert checks[0].found == "20 trials for each fusion, over the same space"
    assert checklist({}) == []


def test_untuned_runs_get_the_command_that_tunes_them():
    check = equal_tuning(comparison(tuning=None))
    assert not check.ticked
    assert check.found == "untuned: attention, concat, image_only, text_only in noisy; synergy"
    assert words_of(check.command) == [
        "-m",
        "mode=tune",
        "training.steps=50",
        "task=noisy,synergy",
        "dataset=mnist",
        "dataset.source=embedded",
        "seed=0,1,2,3,4,5",
        "fusion=attention,concat,image_only,text_only",
    ]


def test_half_tuned_is_not_equal_tuning():
    groups = comparison()
    groups["noisy"] = [replace(r, tuning=None) if r.fusion == "concat" else r for r in groups["noisy"]]
    check = equal_tuning(groups)
    assert (check.ticked, check.found) == (False, "untuned: concat in noisy")
    assert "fusion=concat" in words_of(check.command)


def test_fusions_of_other_searches_are_told_apart_though_their_groups_are_too():
    """Runs that were tuned in another way are in a group of their own, and nothing compares them."""
    other = TUNING | {"trials": 5, "command": ["mode=tune", "mode.trials=5"]}
    runs = [with_setting(run_of("attention", seed), "tuned.trials=20") for seed in range(6)]
    runs += [with_setting(run_of("concat", seed, tuning=other), "tuned.trials=5") for seed in range(6)]
    check = equal_tuning(judged(by_group(runs)))
    assert check.found == "tuned in different ways: concat by 5 trials; attention by 20 trials"
    words = words_of(check.command)
    assert {"mode=tune", "fusion=concat", "seed=0,1,2,3,4,5"} <= set(words)
    assert "mode.trials=5" not in words


def test_failed_trials_are_told():
    tuned = [run_of("concat", seed, tuning=TUNING | {"failed": 2}) for seed in (0, 1)]  # of one search
    other = run_of("concat", task="conflict", tuning=TUNING | {"failed": 1})
    groups = {"noisy": [run_of("attention"), *tuned], "conflict": [other]}
    check = equal_tuning(groups)
    assert check.ticked
    assert check.found.endswith("failed and counted: concat 3")


def test_a_control_that_lacks_or_is_untuned_is_named():
    groups = comparison()
    groups["noisy"] = [run for run in groups["noisy"] if run.fusion != "text_only"]
    check = tuned_controls(groups)
    assert (check.ticked, check.found) == (False, "no text_only in noisy")
    assert {"fusion=text_only", "mode=tune", "task=noisy"} <= set(words_of(check.command))
    groups = comparison()
    groups["noisy"] = [replace(r, tuning=None) if r.fusion == "text_only" else r for r in groups["noisy"]]
    check = tuned_controls(groups)
    assert check.found == "image_only and text_only are there, but untuned in noisy"
    assert {"fusion=text_only", "mode=tune"} <= set(words_of(check.command))


def test_settings_side_by_side_could_be_selected_by_their_test_scores():
    rates = [replace(run_of("attention"), setting=f"task=noisy, optimizer.lr={rate}") for rate in (0.1, 0.01)]
    check = unused_test_split({run.setting: [run] for run in rates})
    assert not check.ticked
    assert "2 settings of attention stand side by side with their test scores" in check.found
    assert "mode=tune" in check.todo
    depths = [replace(run_of("attention"), fusion=f"attention num_layers={depth}") for depth in (1, 2)]
    assert not unused_test_split({"": depths}).ticked


@pytest.mark.parametrize("name", ["training.steps", "fusion_parameters", "tuned.trials", "task", "caption"])
def test_budgets_sizes_and_searches_side_by_side_are_no_selection(name: str):
    runs = [replace(run_of("attention"), setting=f"{name}={value}") for value in (1, 2)]
    assert unused_test_split({run.setting: [run] for run in runs}).ticked


def test_near_duplicates_are_counted_over_all_splits():
    runs = comparison()
    pairs = CARD | {"near_duplicate_counts": NO_PAIRS | {"test_in_train": 3}}
    runs["noisy"] = [replace(run, card=pairs) for run in runs["noisy"]]
    check = no_duplicates(runs)
    assert (check.ticked, check.found) == (False, "nearly equal images in noisy: 3 test in train")
    unknown = no_duplicates({"noisy": [replace(run_of("concat"), card={})]})
    assert (unknown.ticked, unknown.found) == (False, "not counted in noisy")


def test_fusions_of_unequal_size_get_the_command_that_matches_them():
    groups = comparison()
    size = {"cost/fusion_parameters": 4000}
    groups["noisy"] = [replace(r, metrics=r.metrics | size) if r.fusion == "attention" else r for r in groups["noisy"]]
    check = equal_parameters(groups)
    assert (check.ticked, check.found) == (False, "attention 4,000, concat 1,000")
    assert {"fusion_parameters=4000", "task=noisy", "mode=tune"} <= set(words_of(check.command))
    unmeasured = equal_parameters({"noisy": [replace(run_of("concat"), metrics={})]})
    assert (unmeasured.ticked, unmeasured.found) == (False, "parameters not measured in noisy")
    assert equal_parameters({"noisy": [run_of("concat"), run_of("image_only")]}).found == "concat 1,000"


def test_too_few_seeds_get_the_command_for_six():
    groups = comparison()
    groups["noisy"] = [run for run in groups["noisy"] if run.fusion != "concat" or run.seed < 3]
    check = enough_seeds(groups)
    assert (check.ticked, check.found) == (False, "3 of concat")
    assert {"fusion=concat", "seed=0,1,2,3,4,5", "task=noisy"} <= set(words_of(check.command))


def test_a_run_at_chance_is_counted():
    groups = comparison()
    groups["noisy"][0] = replace(groups["noisy"][0], metrics={"accuracy/both": 0.5})
    check = no_collapses(groups)
    assert (check.ticked, check.found) == (False, "at chance: attention 1 of 12 runs")
    assert check.todo
    controls = {"noisy": [run_of("image_only", value=0.5)]}
    assert no_collapses(controls).ticked  # one modality may say nothing


def test_the_positive_control_is_of_every_fusion_and_above_chance():
    groups = comparison()
    del groups["synergy"]
    check = positive_control(groups)
    assert (check.ticked, check.found) == (False, "no run of task=synergy of attention, concat")
    words = words_of(check.command)
    assert {"experiment=synergy", "fusion=attention,concat", "seed=0,1,2,3,4,5", "training.steps=50"} <= set(words)
    assert not [word for word in words if word.startswith("task=")]  # the experiment says it
    lite = "experiment=[fusion_comparison,lite]"
    own = [replace(run, tuning=TUNING | {"command": ["mode=tune", lite, "task=noisy"]}) for run in groups["noisy"]]
    words = words_of(positive_control({"noisy": own}).command)
    stacked = "experiment=[fusion_comparison,lite,synergy]"
    assert {stacked, "task=synergy", "mode=tune"} <= set(words)  # the sweep of an experiment's file has other tasks
    groups["synergy"] = [run_of("attention", task="synergy"), run_of("concat", task="synergy", value=0.51)]
    check = positive_control(groups)
    assert (check.ticked, check.found) == (False, "at chance in task=synergy: concat in 1 run")
    assert positive_control({"noisy": [run_of("image_only")]}).ticked


def test_versions_of_code_and_data_are_counted():
    groups = comparison()
    last = groups["noisy"][-1]
    for name, found in (("code", "2 versions of the shared code"), ("fusion_code", "2 versions of text_only")):
        other = groups | {"noisy": [*groups["noisy"][:-1], replace(last, config=last.config | {name: "other"})]}
        assert same_code_and_data(other).found == found
    other = groups | {"other data": [replace(last, fingerprint="other")]}
    assert same_code_and_data(other).found == "2 versions of the data mnist"


def test_runs_of_other_settings_have_a_command_of_their_own_in_their_folder():
    run = replace(run_of("concat", tuning=None), folder=Path("/data/a sweep/run"))
    run.config["overrides"].append("output_dir=/data/a sweep")
    longer = run_of("attention", tuning=None)
    longer.config["overrides"][0] = "training.steps=90"
    first, second = map(words_of, enough_seeds({"": [run, longer]}).command.split("\n"))
    assert {"fusion=attention", "training.steps=90"} <= set(first)
    assert {"fusion=concat", "training.steps=50", "output_dir=/data/a sweep"} <= set(second)
    assert not [word for word in first if word.startswith("output_dir")]
    others = [run_of("concat", tuning=None) for _ in range(5)]
    for i, other in enumerate(others):
        other.config["overrides"][0] = f"training.steps={i}"
    lines = enough_seeds({"": others}).command.split("\n")
    assert (len(lines), lines[-1]) == (4, "# and for 2 more settings")


def after(runs: list[Run], command: str) -> list[Run]:
    """The runs with those that a command would add, each in the group that it would be in."""
    added = []
    for line in command.split("\n"):
        words = [word for word in words_of(line) if word != "-m"]
        settings = dict(word.split("=", 1) for word in words)
        fusions, seeds = settings.pop("fusion").split(","), map(int, settings.pop("seed").split(","))
        tasks = settings.pop("task", "synergy" if "synergy" in settings.pop("experiment", "") else "redundant")
        trials, size = int(settings.get("mode.trials", 20)), settings.get("fusion_parameters")
        tuning = TUNING | {"trials": trials, "command": words} if "mode" in settings else None
        for task, fusion, seed in product(tasks.split(","), fusions, list(seeds)):
            run = run_of(fusion, seed, task, tuning=tuning)
            run.config["overrides"] = words if tuning is None else [w for w in words if not w.startswith("mode")]
            if size is not None:
                run = with_setting(run, f"fusion_parameters={size}")
                run.config["fusion_parameters"] = int(size)
                run.metrics["cost/fusion_parameters"] = 1.01 * int(size)
            added.append(with_setting(run, f"tuned.trials={trials}") if tuning else run)
    known = {(run.group, run.fusion, run.seeds) for run in runs}
    return [*runs, *(run for run in added if (run.group, run.fusion, run.seeds) not in known)]


def larger(run: Run) -> Run:
    """The run of a larger fusion, if it is attention."""
    return replace(run, metrics=run.metrics | {"cost/fusion_parameters": 4000}) if run.fusion == "attention" else run


def found_in(runs: list[Run]) -> dict[str, Check]:
    return {check.title: check for check in checklist(by_group(runs))}


UNTUNED = [run for runs in comparison(tuning=None).values() for run in runs]
TUNED = [with_setting(run, "tuned.trials=20") for runs in comparison().values() for run in runs]
FIVE = TUNING | {"trials": 5, "command": ["mode=tune", "mode.trials=5", "training.steps=50"]}
BY_FIVE = [with_setting(run, "tuned.trials=5") for runs in comparison(tuning=FIVE).values() for run in runs]
OTHER_SPACE = TUNING | {"space": ["dim=8,16"], "command": ["mode=tune", 'mode.space=["dim=8,16"]']}
IN_OTHER_SPACE = [with_setting(run, "tuned.space=x") for own in comparison(tuning=OTHER_SPACE).values() for run in own]
FOLDERS = {
    "nothing tuned": UNTUNED,
    "controls lack, untuned": [run for run in UNTUNED if run.fusion not in ("image_only", "text_only")],
    "controls lack, tuned": [run for run in TUNED if run.fusion not in ("image_only", "text_only")],
    "controls untuned": [
        tuned if tuned.fusion != "text_only" else run for run, tuned in zip(UNTUNED, TUNED, strict=True)
    ],
    "a search that was cut": [*UNTUNED, *(run for run in BY_FIVE if run.fusion != "text_only" or run.seed < 3)],
    "more trials for one": [*BY_FIVE, *(run for run in TUNED if run.fusion == "attention")],
    "another space for one": [
        *(r for r in IN_OTHER_SPACE if r.fusion == "concat"),
        *TUNED[:6],
        *TUNED[12:30],
        *TUNED[36:],
    ],
    "unequal sizes, untuned": list(map(larger, UNTUNED)),
    "unequal sizes, tuned": list(map(larger, TUNED)),
    "no positive control": [run for run in UNTUNED if "synergy" not in run.setting],
    "few seeds": [run for run in TUNED if run.fusion != "concat" or run.seed < 2],
}


@pytest.mark.parametrize("name", FOLDERS)
def test_the_command_of_a_box_ticks_it_though_the_runs_that_lacked_it_stay(name: str):
    runs = FOLDERS[name]
    opened = {title: check for title, check in found_in(runs).items() if not check.ticked}
    assert opened
    for title, check in opened.items():
        assert found_in(after(runs, check.command))[title].ticked, title
    for _ in range(4):  # one after another, all become ticked
        todo = [check.command for check in found_in(runs).values() if not check.ticked]
        if todo:
            runs = after(runs, todo[0])
    assert all(check.ticked for check in found_in(runs).values())


def test_runs_that_others_stand_for_are_told():
    assert checklist_source(by_group(TUNED)) == SOURCE
    told = checklist_source(by_group([*UNTUNED, *TUNED]))
    assert told.startswith(
        f"{SOURCE} Not judged: 48 runs of mnist (embedded), task=noisy; mnist (embedded), task=synergy"
    )


def test_a_search_that_was_cut_goes_on_with_what_it_lacks():
    check = found_in(FOLDERS["a search that was cut"])["Equal tuning"]
    assert check.found == "untuned: text_only in mnist (embedded), task=noisy; mnist (embedded), task=synergy"
    assert {"mode=tune", "mode.trials=5", "fusion=text_only", "seed=3,4,5"} <= set(words_of(check.command))


def test_other_budgets_and_settings_stand_for_none():
    """They are what somebody compares, not how."""
    others = [with_setting(run, "training.steps=90") for run in TUNED]
    assert not found_in([*UNTUNED, *others])["Equal tuning"].ticked
    assert not found_in([*UNTUNED, *(with_setting(run, "missing=zero") for run in TUNED)])["Equal tuning"].ticked


def test_no_version_of_the_code_is_better_than_another():
    newer = [with_setting(replace(run, config=run.config | {"code": "d"}), "code=d") for run in TUNED]
    runs = [*TUNED, *newer]
    assert found_in(runs)["Equal code and data"].found == "2 versions of the shared code"
    assert checklist_source(by_group(runs)) == SOURCE
    tuned_later = [replace(run, setting=run.setting.replace("tuned.trials=20", "code=d")) for run in newer]
    assert all(check.ticked for check in found_in([*UNTUNED, *tuned_later]).values())


def test_a_fusion_that_learns_the_control_in_one_setting_passes():
    at_chance = [replace(run, metrics={"accuracy/both": 0.5}) for run in TUNED if run.fusion == "attention"]
    longer = [with_setting(run, "training.steps=90") for run in TUNED]
    runs = [*TUNED[6:24], *TUNED[30:], *at_chance]
    assert found_in(runs)["Positive control passed"].found == "at chance in task=synergy: attention in 6 runs"
    assert found_in([*runs, *longer])["Positive control passed"].ticked


def test_runs_at_chance_are_named_by_their_folder():
    runs = [replace(TUNED[0], metrics={"accuracy/both": 0.5}, folder=Path("runs/mnist-attention-s0-abc")), *TUNED[1:]]
    check = found_in(runs)["No collapsed runs"]
    assert check.todo.startswith("look at the curves in mnist-attention-s0-abc; then tune (mode=tune tries several")
    assert "in another output_dir" in check.todo
