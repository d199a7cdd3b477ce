"""The benchmark: every row is there and finite; no time is judged."""

import importlib.util
import math

import pytest

from tests.helpers.command import TINY
from tests.helpers.toy import ROOT


@pytest.fixture(scope="module")
def speed():
    """scripts/speed.py as a module."""
    spec = importlib.util.spec_from_file_location("speed", ROOT / "scripts" / "speed.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(printed: str) -> dict[str, float]:
    """{measure: median} of a printed table."""
    cells = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("|")]
    return {name: float(median.replace(",", "")) for name, median, *_ in cells[2:]}


def test_sides_are_run_in_turn_after_a_first_time(speed) -> None:
    calls: list[str] = []
    sides = {name: lambda name=name: calls.append(name) or float(len(calls)) for name in "ab"}
    assert speed.in_turn(sides, 2) == {"a": [3, 5], "b": [4, 6]}
    assert calls == ["a", "b"] * 3


def test_a_table_has_medians_and_ranges(speed) -> None:
    printed = speed.table({"x": [0.5, 1.0, 4.0], "y": [12345.6], "z": [0.0]})
    assert printed.splitlines()[2:] == ["| x | 1.00 | 0.500 to 4.00 |", "| y | 12,346 |  |", "| z | 0 |  |"]
    assert rows(printed) == {"x": 1.0, "y": 12346.0, "z": 0.0}


def test_ratios_are_of_one_repeat(speed) -> None:
    assert speed.quotient([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


@pytest.mark.slow
def test_every_row_is_there_and_finite(speed, capsys, monkeypatch) -> None:
    monkeypatch.setattr(speed, "SIDE", 64)
    speed.main(["--repeats", "1", "--steps", "2", *TINY])
    found = rows(capsys.readouterr().out)
    assert list(found) == [
        "training, samples/s",
        "training / one fixed batch",
        "training / plain script",
        "MFLOP a sample, forward and backward",
        "GFLOP/s of the fixed batch",
        "GFLOP/s of a matrix product, same precision",
        "fixed batch / matrix product",
        "command to first validation on disk, s",
        "predictions of every condition / forward pass",
        "two jobs side by side / one after the other",
        "peak memory of a training process, MB",
    ]
    assert all(math.isfinite(value) and value > 0 for value in found.values())


@pytest.mark.slow
def test_another_checkout_is_compared_with(speed, capsys) -> None:
    speed.main(["--against", str(ROOT), "--repeats", "1", "--steps", "2", *TINY])
    found = rows(capsys.readouterr().out)
    assert [name.split(" ")[0] for name in found] == ["training", "training", "here"]
    assert all(math.isfinite(value) and value > 0 for value in found.values())


def test_a_folder_that_is_no_checkout_is_refused(speed, capsys, tmp_path) -> None:
    with pytest.raises(SystemExit):
        speed.main(["--against", str(tmp_path)])
    assert "there is no scripts/run.py in" in capsys.readouterr().err
