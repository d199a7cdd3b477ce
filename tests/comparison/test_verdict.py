"""What is said of a group as a whole: what its verdict holds for, and the outcome over several budgets."""

from dataclasses import replace

import pytest

from multimodal.comparison.budgets import budget_sentences
from multimodal.comparison.circumstances import circumstances
from multimodal.comparison.fusion_tests import compare_fusions
from multimodal.comparison.run import Failure, Run
from multimodal.comparison.wording import sentence
from tests.helpers.made_up_pairs import made_up_run, primary_test, two_fusions

CARD = {"classes": {"test": {"a": 200, "b": 160}}}


def told(runs: list[Run], failures: tuple[Failure, ...] = (), **config: object) -> str:
    training = {"steps": 1000, "epochs": None, "batch_size": 64}
    own = {"training": training, "overrides": ["fusion=concat", "seed=0", "dataset.source=embedded"]} | config
    return circumstances([replace(run, card=CARD, config=own) for run in runs], list(failures))


def test_a_verdict_names_samples_budget_tuning_and_sizes() -> None:
    runs = [replace(run, metrics=run.metrics | {"cost/fusion_parameters": 98_944.0}) for run in two_fusions(0.02)]
    assert told(runs) == (
        "Holds for 360 test samples; 1,000 steps of 64 samples (64,000 samples seen at most); untuned defaults; "
        "the fusions' own parameters: attention 98,944, concat 98,944."
    )


def test_changed_settings_are_named() -> None:
    changed = told(two_fusions(0.02), overrides=["fusion=concat", "+optimizer.lr=0.1", "missing=zero"])
    assert "defaults but for missing=zero, optimizer.lr=0.1, without a search" in changed


def test_changed_data_fusion_and_task_are_named_and_what_only_chooses_them_is_not() -> None:
    """dataset.limit=400 once read "untuned defaults"."""
    chosen = ["dataset=mnist", "fusion=concat", "task=noisy", "caption=anonymous", "training.steps=9", "seed=1"]
    where = ["dataset.source=hub", "dataset.seed=3", "output_dir=x", "tracking=offline", "evaluation.figures=null"]
    assert "; untuned defaults" in told(two_fusions(0.02), overrides=[*chosen, *where])
    changed = ["dataset.limit=400", "fusion.hidden=9", "task.severity=1", "caption.words=[a]", "~loss.terms.x"]
    assert "defaults but for caption.words=[a], dataset.limit=400, fusion.hidden=9, loss.terms.x, task.severity=1," in (
        told(two_fusions(0.02), overrides=[*chosen, *changed])
    )


def test_a_setting_that_only_some_runs_have_is_named_without_a_value() -> None:
    runs = [replace(run, config={"overrides": [f"dim={64 * (i + 1)}"]}) for i, run in enumerate(two_fusions(0.0, 1))]
    assert "defaults but for dim, without" in circumstances(runs, [])


def test_epochs_are_the_budget_where_they_are_given() -> None:
    assert "; 20 epochs at most; " in told(two_fusions(0.02), training={"steps": 9, "epochs": 20})


def test_failed_and_collapsed_runs_are_counted() -> None:
    runs = [*two_fusions(0.02), made_up_run("gated", 0, 0.5), made_up_run("gated", 1, 0.9)]
    failed = Failure([], "no", "", dataset="mnist", fusion="film")
    other = replace(failed, dataset="animals")
    text = told(runs, (failed, failed, other, replace(failed, status="interrupted")))
    assert "at chance: gated 1 of 2 runs; failed and not counted, in any setting: film 2." in text


@pytest.mark.parametrize("config", [{"training": 7}, {"training": {}}, {"overrides": []}])
def test_a_record_that_says_less_is_no_error(config: dict) -> None:
    assert told(two_fusions(0.02), **config).startswith("Holds for 360 test samples; ")


def test_a_task_at_its_ceiling_cannot_tell_fusions_apart() -> None:
    runs = [replace(r, metrics=r.metrics | {"accuracy/both": 1.0 - 0.001 * r.seed}) for r in two_fusions(0.0)]
    assert sentence(primary_test(runs)).endswith("both are at the ceiling of the task: cannot tell them apart")
    lower = [replace(r, metrics=r.metrics | {"accuracy/both": 0.7, "task/ceiling": 0.705}) for r in two_fusions(0.0)]
    assert primary_test(lower).at_ceiling
    assert not primary_test(two_fusions(0.0)).at_ceiling


def test_a_gap_in_speed_is_told_from_one_in_ability() -> None:
    runs = two_fusions(0.3, setting="caption=original, training.steps=250")
    runs += two_fusions(0.0007, setting="caption=original, training.steps=1000")
    assert budget_sentences(runs, compare_fusions(runs, 0.01)) == {
        "mnist (embedded), caption=original, over steps": [
            "attention − concat in accuracy with both: +30.0 points at 250 steps, +0.1 points at 1,000 steps; "
            "attention ahead at 250 steps, equivalent at 1,000 steps."
        ]
    }


def test_one_outcome_at_every_budget_is_told_once() -> None:
    runs = [run for n in (250, 1000) for run in two_fusions(0.3, seeds=2, setting=f"training.steps={n}")]
    ((line,),) = budget_sentences(runs, compare_fusions(runs, 0.01)).values()
    assert line.endswith("+30.0 points at 250 steps, +30.0 points at 1,000 steps; too few to say at every budget.")


def test_another_better_control_at_each_budget_is_named_there() -> None:
    runs = []
    for steps, levels in ((30, {"image_only": 0.5, "text_only": 0.4}), (90, {"image_only": 0.5, "text_only": 0.6})):
        for fusion, level in ({"attention": 0.9} | levels).items():
            runs += [made_up_run(fusion, seed, level, setting=f"training.steps={steps}") for seed in range(6)]
    ((line,),) = budget_sentences(runs, compare_fusions(runs, 0.01)).values()
    assert line == (
        "attention − the better control in accuracy with both: +40.0 points at 30 steps (image_only), "
        "+30.0 points at 90 steps (text_only); attention ahead at every budget."
    )


def test_one_budget_or_other_settings_are_not_joined() -> None:
    runs = two_fusions(0.3, setting="dim=32, training.steps=250")
    runs += two_fusions(0.3, setting="dim=64, training.steps=500")
    assert budget_sentences(runs, compare_fusions(runs, 0.01)) == {}


def test_each_pair_of_variants_has_a_line_over_the_budgets() -> None:
    levels = {"film hidden=1": 0.5, "film hidden=2": 0.6, "film hidden=3": 0.8}
    runs = [
        made_up_run(fusion, seed, level, setting=f"training.steps={steps}")
        for steps in (30, 90)
        for fusion, level in levels.items()
        for seed in range(6)
    ]
    (lines,) = budget_sentences(runs, compare_fusions(runs, 0.01)).values()
    assert [line.split(" at 30 steps")[0] for line in lines] == [
        "film hidden=1 − film hidden=2 in accuracy with both: −10.0 points",
        "film hidden=1 − film hidden=3 in accuracy with both: −30.0 points",
        "film hidden=2 − film hidden=3 in accuracy with both: −20.0 points",
    ]
