"""From the pairwise tests to the rows of the forest plot."""

from dataclasses import replace
from pathlib import Path

import pytest

from multimodal.comparison.forest import Mark
from multimodal.comparison.forest_panels import forest_panels
from multimodal.comparison.fusion_tests import compare_fusions
from multimodal.comparison.grouping import by_group
from multimodal.comparison.run import Run
from tests.helpers.made_up_pairs import answering, made_up_run, two_fusions


def runs(fusion: str, accuracy: float, product: float | None = 0.6, **other: str) -> list[Run]:
    """Six runs, whose seeds differ alike for every fusion."""
    made = [made_up_run(fusion, seed, accuracy + 0.002 * seed, **other) for seed in range(6)]
    facts = {"fusion/product": product, "task/ceiling": 0.95}
    return [replace(run, metrics=run.metrics | facts) for run in made]


def panels(made: list[Run]) -> dict[str, list]:
    return {panel.title: panel.rows for panel in forest_panels(compare_fusions(made, 0.01), by_group(made))}


def test_each_question_has_a_panel_with_a_row_for_each_fusion_and_none_for_the_controls() -> None:
    made = [
        *runs("attention", 0.8),
        *runs("concat", 0.7),
        *runs("image_only", 0.5, None),
        *runs("text_only", 0.4, None),
    ]
    found = panels(made)
    assert {title: [row.label for row in rows] for title, rows in found.items()} == {
        "Against the reference fusion: concat": ["attention"],
        "Against the better control: image_only": ["attention", "concat"],
        "Against the product of its own answers": ["attention", "concat"],
    }
    (row,) = found["Against the reference fusion: concat"]
    assert row.mean == pytest.approx(0.1)
    assert row.differences == pytest.approx([0.1] * 6)
    assert row.mark is Mark.SIGNIFICANT
    assert row.largest == pytest.approx(0.95 - 0.705)  # what concat leaves below the ceiling
    first, _ = found["Against the product of its own answers"]
    assert (first.mean, first.largest) == (pytest.approx(0.205), pytest.approx(0.35))


def test_groups_with_other_controls_name_both_sides() -> None:
    made = [*runs("concat", 0.7), *runs("image_only", 0.5, None)]
    made += [*runs("concat", 0.7, dataset="animals"), *runs("text_only", 0.5, None, dataset="animals")]
    labels = [row.label for row in panels(made)["Against the better control"]]
    assert labels == ["concat − text_only", "concat − image_only"]


def test_without_the_reference_fusions_stand_against_each_other() -> None:
    made = [*runs("attention", 0.8, None), *runs("film", 0.7, None)]
    assert {title: [row.label for row in rows] for title, rows in panels(made).items()} == {
        "Of each other": ["attention − film"]
    }


def test_an_unknown_ceiling_leaves_no_largest_difference() -> None:
    made = [*runs("attention", 0.8), *runs("concat", 0.7)]
    made = [replace(run, metrics=run.metrics | {"task/ceiling": None}) for run in made]
    assert all(row.largest is None for rows in panels(made).values() for row in rows)


def test_one_seed_is_a_row_too() -> None:
    made = [runs("attention", 0.8)[0], runs("concat", 0.7)[0]]
    (row,) = panels(made)["Against the reference fusion: concat"]
    assert (row.interval, row.mark, len(row.differences)) == (None, Mark.FEW, 1)


def test_a_mark_says_why_an_interval_without_zero_is_no_difference(tmp_path: Path) -> None:
    """Too few seeds, test samples on which it rests, and Holm's correction."""
    few = [run for run in [*runs("attention", 0.8), *runs("concat", 0.7)] if run.seed < 4]
    (row,) = panels(few)["Against the reference fusion: concat"]
    assert row.interval[0] > 0
    assert row.mark is Mark.FEW
    made = [answering("attention", seed, tmp_path / f"a{seed}", 0) for seed in range(6)]
    made += [answering("concat", seed, tmp_path / f"c{seed}", 5) for seed in range(6)]
    (row,) = panels(made)["Against the reference fusion: concat"]
    assert row.interval[0] > 0
    assert row.mark is Mark.SAMPLES
    made = two_fusions(0.0018)
    made += [replace(run, fusion=f"same {i}") for i in range(20) for run in made if run.fusion == "concat"]
    rows = panels(made)["Against the reference fusion: concat"]
    (row,) = (row for row in rows if row.label.startswith("attention"))
    assert row.interval[0] > 0
    assert (row.mark, row.label) == (Mark.NONE, "attention (not after Holm's correction)")


def test_variants_stand_against_the_reference_with_their_arguments_and_against_each_other() -> None:
    made = [*runs("attention missing=mean", 0.8, None), *runs("attention missing=zero", 0.75, None)]
    made += [*runs("concat missing=mean", 0.7, None), *runs("concat missing=zero", 0.5, None)]
    found = panels(made)
    assert {title: [(row.name, row.label) for row in rows] for title, rows in found.items()} == {
        "Against the reference fusion": [
            ("attention missing=mean", "attention missing=mean − concat missing=mean"),
            ("attention missing=zero", "attention missing=zero − concat missing=zero"),
        ],
        "Of variants of one fusion": [
            ("attention missing=mean − missing=zero",) * 2,
            ("concat missing=mean − missing=zero",) * 2,
        ],
    }
    assert [row.mean for row in found["Against the reference fusion"]] == pytest.approx([0.1, 0.25])
    assert [row.mean for row in found["Of variants of one fusion"]] == pytest.approx([0.05, 0.2])


def test_a_fusion_whose_arguments_no_reference_has_stands_against_every_variant_of_it() -> None:
    made = [*runs("attention", 0.8, None), *runs("concat hidden=8", 0.7, None), *runs("concat hidden=9", 0.6, None)]
    rows = panels(made)["Against the reference fusion"]
    names = ["attention − concat hidden=8", "attention − concat hidden=9"]
    assert [row.name for row in rows] == names  # a row each: of one name, the figure would show the last alone
    assert [row.mean for row in rows] == pytest.approx([0.1, 0.2])
