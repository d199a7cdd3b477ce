from dataclasses import replace

import pytest

from multimodal.comparison.gain_matrix import gain_table, line_title
from multimodal.comparison.run import Run
from multimodal.comparison.table import DASH
from tests.helpers.made_up_pairs import made_up_run


def run(fusion: str, seed: int, gain: float | None, dataset: str = "mnist", setting: str = "task=noisy") -> Run:
    made = made_up_run(fusion, seed, 0.5, dataset, setting=setting)
    undefined = {"fusion/gain": "nothing is left to gain"} if gain is None else {}
    return replace(made, metrics=made.metrics | {"fusion/gain": gain}, undefined=undefined)


def test_a_cell_is_the_mean_over_seeds_of_a_task_and_a_fusion() -> None:
    groups = {
        "mnist (embedded), task=noisy": [run("a", 0, 0.2), run("a", 1, 0.4), run("b", 0, -1.5)],
        "animals (embedded), task=noisy": [run("b", 0, 1.2, "animals")],
        "mnist (embedded), task=redundant": [run("a", 0, None, setting="task=redundant")],
    }
    table = gain_table(groups)
    assert table.columns == ["a", "b"]
    found = {(data, line): list(cells["text"]) for data, line, cells in table.lines()}
    assert found == {
        ("mnist (embedded)", "task=noisy"): ["0.30", "−1.50"],
        ("animals (embedded)", "task=noisy"): ["", "1.20"],
    }
    first = table.cells.iloc[0]
    assert (first["value"], first["n"], first["sd"]) == (pytest.approx(0.3), 2, pytest.approx(0.1414, abs=1e-4))
    shades = list(table.cells["shade"])
    assert shades[1] == 0 < shades[0] < shades[3]  # none below the control, and the darkest at the ceiling
    assert table.notes[1:] == ["Undefined in mnist (embedded), task=redundant: nothing is left to gain."]


def test_the_room_and_the_error_of_a_line_stand_before_its_gains() -> None:
    """A room of 15 points and an error of 9 points of gain: 0.30 is not far from 0.20."""
    made = [run("a", 0, 0.2), run("a", 1, 0.3)]
    made = [
        replace(r, metrics=r.metrics | {"task/room": 0.15, "fusion/gain_se": e})
        for r, e in zip(made, (0.08, 0.1), strict=True)
    ]
    table = gain_table({"mnist (embedded), task=noisy": made})
    assert dict(zip(table.cells["column"], table.cells["text"], strict=True)) == {
        "room, points": "15.0",
        "error": "0.09",
        "a": "0.25",
    }


def test_one_fusion_without_a_gain_is_a_dash_with_its_reason() -> None:
    table = gain_table({"mnist (embedded), task=noisy": [run("a", 0, 0.2), run("b", 0, None)]})
    assert list(table.cells["text"]) == ["0.20", DASH]
    assert list(table.cells["note"]) == ["", "nothing is left to gain"]
    assert "Undefined in mnist (embedded), task=noisy (b): nothing is left to gain." in table.notes


def test_the_task_is_named_first_and_also_where_it_is_the_only_one() -> None:
    made = run("a", 0, 0.2, setting="training.steps=250, task=noisy")
    assert line_title(made) == "task=noisy, training.steps=250"
    config = {"dataset": {"task": {"_target_": "multimodal.task.referring.ReferringTask"}}}
    assert (
        line_title(replace(made, setting="training.steps=250", config=config)) == "task=referring, training.steps=250"
    )
    assert line_title(replace(made, setting="", config={})) == "mnist"


def test_runs_that_never_measured_it_have_no_line() -> None:
    assert len(gain_table({"mnist": [made_up_run("a", 0, 0.5)]}).cells) == 0
