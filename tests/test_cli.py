"""The command line before any job: quick, and plain about what it does not know."""

import subprocess
import sys

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from multimodal.cli import checked, translated
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


@pytest.mark.parametrize(
    ("flags", "command"),
    [
        ("--fusion=concat --dataset mnist", "fusion=concat dataset=mnist"),
        ("--model attention --num-epochs 3", "fusion=attention training.epochs=3"),
        ("--lr 0.1 --weight_decay=0.2 seed=1", "optimizer.lr=0.1 optimizer.weight_decay=0.2 seed=1"),
    ],
)
def test_every_flag_in_an_answer_is_translated(flags: str, command: str) -> None:
    assert translated(flags.split()) == f"python scripts/run.py {command}"


def test_a_flag_for_which_there_is_no_setting_is_named() -> None:
    with pytest.raises(ValueError, match="there is no setting gpu"):
        checked(["--gpu", "0"])


def test_flags_of_hydra_may_stand_between_settings() -> None:
    assert checked(["seed=1", "-m", "fusion=concat,sum", "--cfg", "job"]) == [
        "-m",
        "--cfg",
        "job",
        "seed=1",
        "fusion=concat,sum",
    ]


@pytest.mark.parametrize("text", ["a, b", "the dog's (left) seven", "{x: [1]}", "back\\slash, 'q'", "a = b"])
def test_a_caption_needs_no_quotes_of_its_own(text: str) -> None:
    (override,) = OverridesParser.create().parse_overrides(checked([f"text={text}"]))
    assert override.value() == text


@pytest.mark.parametrize("path", ["/a/my photos (2), new", "/a/b=c", "~/data", "{x}"])
def test_a_path_needs_no_quotes_of_its_own(path: str) -> None:
    (override,) = OverridesParser.create().parse_overrides(checked([f"dataset.path={path}"]))
    assert override.value() == path


def test_a_sweep_may_have_several_checkpoints() -> None:
    assert checked(["-m", "checkpoint=a,b"]) == ["-m", "checkpoint=a,b"]


HELP = f"import sys, runpy; sys.argv = ['run.py', '--help']; runpy.run_path({SCRIPT!r}, run_name='__main__')"


@pytest.mark.parametrize(("code", "printed"), [("import multimodal", ""), (HELP, "mode=report output_dir=<folder>")])
def test_help_and_the_import_load_nothing_heavy(code: str, printed: str) -> None:
    at_exit = "import atexit, sys\natexit.register(lambda: print('loaded:', *[n for n in HEAVY if n in sys.modules]))"
    line = f"HEAVY = {HEAVY}\n{at_exit}\n{code}"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False, timeout=120)
    assert printed in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded:"
