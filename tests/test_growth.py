"""scripts/growth.py measures every stage and tells how it grows."""

import subprocess
import sys

import pytest

from tests.helpers.toy import ROOT

SCRIPT = ROOT / "scripts" / "growth.py"


@pytest.mark.slow
def test_each_stage_has_a_line_and_each_size_a_column(tmp_path):
    given = ["--samples", "120", "240", "--until", "evaluate", "--classes", "3", "--words", "5", "--vocabulary", "20"]
    done = subprocess.run([sys.executable, SCRIPT, *given], capture_output=True, text=True, timeout=600, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = {line[:40].strip(): line[40:].split() for line in done.stdout.splitlines()}
    assert lines["samples"] == ["120", "240"]
    stages = ["read", "decode", "split", "near duplicates", "card", "fingerprint", "train 20 steps, validate once"]
    for stage in [*stages, "evaluate: predictions", "evaluate: captions", "own memory, MB"]:
        assert float(lines[stage][0].replace(",", "")) >= 0
    assert not list(tmp_path.iterdir())


def test_the_exponent_is_that_of_the_size_before():
    table = growth().table(
        [100, 1000, 2000],
        [
            {"seconds": {"linear": s, "square": q, "short": 0.01}, "memory": {"own, MB": 7}}
            for s, q in ((1, 1), (10, 100), (20, 400))
        ],
    )
    rows = {line[:40].strip(): line[40:].split() for line in table.splitlines()}
    assert rows["linear"] == ["1.00", "s", "10.00", "s", "^1.00", "20.00", "s", "^1.00"]
    assert rows["square"] == ["1.00", "s", "100.00", "s", "^2.00", "400.00", "s", "^2.00"]
    assert rows["short"] == ["0.01", "s"] * 3
    assert rows["own, MB"] == ["7", "MB"] * 3


def growth():
    """The script as a module."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("growth", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
