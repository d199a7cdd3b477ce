"""The command line before any job: quick, and plain about what it does not know."""

import subprocess
import sys

import pytest

from multimodal.cli import translated
from tests.helpers.command import SCRIPT, command

HEAVY = ("wandb", "nltk", "torchmetrics", "torch", "datasets", "pandas", "matplotlib")


def test_flags_of_plain_scripts_are_answered_with_the_command(tmp_path) -> None:
    done = command(tmp_path, "--dataset", "mnist", "--model_type", "attention", "--epochs=10", "--output_dir", "x")
    assert done.status == 1
    wanted = "python scripts/run.py dataset=mnist fusion=attention training.epochs=10 output_dir=x"
    assert wanted in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_flag_without_a_value_says_so() -> None:
    assert translated(["--dataset", "--epochs", "3"]) == "python scripts/run.py 'dataset=<value>' training.epochs=3"


@pytest.mark.parametrize("override", ["model_type=concat", "+model_type=concat"])
def test_an_unknown_setting_ends_in_a_line(tmp_path, override: str) -> None:
    done = command(tmp_path, override)
    assert (done.status, done.stderr.strip()) == (1, "error: there is no setting model_type; it is fusion here")


HELP = f"import sys, runpy; sys.argv = ['run.py', '--help']; runpy.run_path({SCRIPT!r}, run_name='__main__')"


@pytest.mark.parametrize(("code", "printed"), [("import multimodal", ""), (HELP, "mode=report output_dir=<folder>")])
def test_help_and_the_import_load_nothing_heavy(code: str, printed: str) -> None:
    at_exit = "import atexit, sys\natexit.register(lambda: print('loaded:', *[n for n in HEAVY if n in sys.modules]))"
    line = f"HEAVY = {HEAVY}\n{at_exit}\n{code}"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False, timeout=120)
    assert printed in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded:"
