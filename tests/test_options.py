"""Every option of every group as a command, trained and evaluated: python -m pytest -m slow tests/test_options.py"""

import json
from pathlib import Path

import pytest

from tests.helpers.command import TINY, command
from tests.helpers.contracts import GROUPS
from tests.helpers.toy import options

CHOICES = [f"{group}={option}" for group in GROUPS for option in options(group)]


@pytest.mark.slow
@pytest.mark.parametrize("choice", CHOICES)
def test_an_option_runs_as_a_command(tmp_path: Path, choice: str) -> None:
    done = command(tmp_path, *TINY, choice, "output_dir=out", "tracking=disabled")
    assert done.status == 0, done.stderr
    assert 0 <= json.loads((tmp_path / "out" / "metrics.json").read_text())["accuracy/both"] <= 1
