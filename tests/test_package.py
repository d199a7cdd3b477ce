"""The wheel runs without the checkout: it holds conf/, the command and the page's template."""

import os
import subprocess
import sys
import zipfile

import pytest

from tests.helpers.command import BRIEF
from tests.helpers.toy import ROOT


@pytest.mark.slow
def test_the_wheel_runs_elsewhere(tmp_path) -> None:
    """Built, installed into a folder of its own without its dependencies, and run small from another folder."""
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", tmp_path / "wheel", ROOT], check=True)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    templates = ["comparison/report.html.jinja", "comparison/gallery.html.jinja", "pages/base.html.jinja"]
    templates += ["pages/macros.html.jinja", "pages/run.html.jinja"]
    assert {f"multimodal/{name}" for name in ("conf/config.yaml", "py.typed", *templates)} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "scripts/", "conf/"))]
    subprocess.run([*pip, "install", "--no-deps", "--target", tmp_path / "site", wheel], check=True)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1"}
    (tmp_path / "elsewhere").mkdir()
    code = "import multimodal, sys; print(multimodal.__file__); from multimodal.cli import main; main()"
    line = [sys.executable, "-c", code, *BRIEF, "evaluation.figures=null", "tracking=disabled", "output_dir=run"]
    done = subprocess.run(
        line, cwd=tmp_path / "elsewhere", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "site") in done.stdout
    assert (tmp_path / "elsewhere" / "run" / "metrics.json").is_file()
