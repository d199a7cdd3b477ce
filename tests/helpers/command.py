"""The command in a test: scripts/run.py with a tiny budget."""

import gc
import os
import runpy
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from multimodal.evaluation.evaluator import Evaluator
from multimodal.figures.run_figures import RunFigures
from tests.helpers.made_up_runs import only_text_and_forest
from tests.helpers.toy import ROOT

SCRIPT = str(ROOT / "scripts" / "run.py")
TINY = ["dataset.source=embedded", "dataset.limit=120", "training.steps=6", "training.num_validations=2"]
TINY += ["training.batch_size=16", "training.precision=32-true"]  # the same on every processor
TINY += ["evaluation.image_judge.steps=5", "evaluation.figures.points=60", "dim=16"]
TINY += ["evaluation.measures.interaction.num_samples=8", "evaluation.measures.beam_search.beam_width=2"]
TINY += ["evaluation.num_references=2"]
# without the measures that take time: for tests of how a run begins, is cut and goes on, not of what it measures
OFF = ("captions", "images", "beam_search", "baselines", "retrieval", "latent", "interaction", "attention", "cost")
UNMEASURED = [f"evaluation.measures.{name}=null" for name in OFF]
BRIEF = [*TINY, *UNMEASURED]


SET = ("HF_DATASETS_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_PROGRESS_BARS")


@dataclass
class Done:
    """How a command ended and what it wrote."""

    status: int
    stdout: str
    stderr: str


def command(folder: Path, *arguments: str) -> Done:
    """scripts/run.py in `folder`, in this process and without figures, which take most of a tiny run."""
    out, err, status = StringIO(), StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        for name in SET:  # as the command would, and undone afterwards
            patch.setenv(name, os.environ.get(name, "1"))
        patch.setattr(
            RunFigures, "draw", lambda *arguments: {}
        )  # tests/figures has them, tests/test_run.py a whole run
        # after each job, of all that the tests hold; tests/faults has a hundred jobs in a process of their own
        patch.setattr(gc, "collect", lambda *generation: 0)
        if "-m" in arguments:  # a report of its own, mode=report, has its figures
            only_text_and_forest(patch)
        patch.setattr(sys, "argv", [SCRIPT, *arguments, "cache_dir=cache"])
        try:
            runpy.run_path(SCRIPT, run_name="__main__")
        except SystemExit as exit:
            status = exit.code
            if isinstance(status, str):  # Python prints it and exits with 1
                status = print(status, file=err) or 1
        except Exception:  # Hydra exits with 1, but raises where it takes coverage for a debugger
            status = print(traceback.format_exc(), file=err) or 1
    return Done(status, out.getvalue(), err.getvalue())


def train_only(folder: Path, *arguments: str) -> None:
    """A tiny run in `folder`, trained but neither evaluated nor finished."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluator, "evaluate", lambda *_: SimpleNamespace(metrics={}, seconds={}))
        patch.setattr("multimodal.run.finish", lambda *_: None)
        done = command(folder, *TINY, *arguments, "tracking=disabled")
    assert done.status == 0, done.stderr
