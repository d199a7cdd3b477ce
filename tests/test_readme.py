"""README.md: each command of its blocks runs in a small form, or is composed only where NOT_RUN says why.

Its notebook is run by tests/test_api.py, its tables are held by tests/test_publish.py.
"""

import csv
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from hydra.utils import instantiate
from PIL import Image

from multimodal.cli import checked
from tests.helpers.command import BRIEF, command
from tests.helpers.toy import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    (language, re.sub(f"^{indent}", "", block, flags=re.MULTILINE))
    for indent, language, block in re.findall(r"^( *)```(\w*)\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
]
LINES = [
    line for language, block in BLOCKS if language in ("bash", "sh") for line in block.replace("\\\n", " ").split("\n")
]
COMMANDS = [part.strip() for line in LINES for part in line.split("&&") if part.strip()]
RUN = re.compile(r"(?:\.venv/bin/)?python scripts/run\.py")
NOT_RUN = {  # {what a command holds: why it is not run}; those of scripts/run.py are composed
    "python3 -m venv": "it makes an environment",
    ".venv/bin/activate": "it enters the environment",
    "pip install": "it downloads from a package index",
    ".venv/bin/pytest": "it is these tests",
    "encoder.text.name=sentence-transformers/": "it downloads weights; tests/test_pretrained_run.py runs such a model",
    "encoder.text.table=<a": "it reads files of the reader's; tests/encoder/text/test_static.py reads such files",
    "push=<owner>": "it needs an account; tests/runs/test_push.py uploads to a hub of this machine",
    "hydra/launcher=slurm": "it needs a cluster; tests/test_launchers.py runs submitit on this machine",
    "mode=demo": "it serves until Ctrl-C; tests/test_demo.py serves and ends it",
    "wandb": "it needs an account; tests/test_launchers.py makes the commands of conf/wandb_sweep.yaml",
}
# minutes together; others that run always are like the last two
SLOW = ("mode=export", "experiment=fusion_comparison", "mode=tune seed=")
ELSEWHERE = ("hydra/launcher=", "hydra.launcher.")  # where jobs run: tests/test_launchers.py
MORE = 30  # rows of the reader's own images for each row of the README
# one job of a sweep, whatever the command or the experiment's file sweeps
ONE = {"dataset": "mnist", "task": "noisy", "fusion": "concat", "seed": "0"}
# nothing below what an experiment removes
BUDGET = [o for o in BRIEF if not o.startswith("evaluation.figures.") and (o.count(".") < 3)]


def reason(line: str) -> str | None:
    """Why a command is not run; None if it is."""
    return next((why for part, why in NOT_RUN.items() if part in line), None)


def trains(line: str) -> bool:
    """Whether a command trains: without a mode, or with mode=tune."""
    return "mode=" not in line or "mode=tune" in line


def words_of(line: str) -> list[str]:
    """The arguments of scripts/run.py, its placeholders replaced by a name."""
    (_, *words) = shlex.split(re.sub(r"<.*?>", "given", RUN.sub("run.py", line)), comments=True)
    return words


def small(words: list[str]) -> list[str]:
    """The arguments with a tiny budget, of a sweep one job, here."""
    words = [word for word in words if not word.startswith(ELSEWHERE)]
    if not trains(" ".join(words)):
        return [*words, "tracking=disabled"]
    if "-m" in words:
        words = [word if "[" in word else word.partition(",")[0] for word in words]
    if any(word.startswith("experiment=") for word in words):
        words += [*(f"{name}={value}" for name, value in ONE.items()), "fusion_parameters=null"]
    words += ["mode.trials=1"] if "mode=tune" in words else []
    own_data = any(word.startswith("dataset.path=") for word in words)
    return [*words, *(o for o in BUDGET if not (own_data and o == "dataset.source=embedded")), "tracking=disabled"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where `given` is a run of the first command, with `photo.jpg` and the images of the README's table."""
    folder = tmp_path_factory.mktemp("readme")
    (line,) = [line for line in COMMANDS if line.startswith(".venv/bin/python")]
    done = command(folder, *small(words_of(line)), "output_dir=runs/given")
    assert done.status == 0, done.stderr
    pixels = Image.new("RGB", (40, 30), "gray")
    pixels.save(folder / "photo.jpg")
    (table,) = [block for language, block in BLOCKS if not language and block.startswith("file_name")]
    header, *rows = csv.reader(table.splitlines())
    images = folder / "my" / "data" / "train"
    images.mkdir(parents=True)
    with (images / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for i in range(MORE):
            for j, (name, *rest) in enumerate(rows):
                Image.new("RGB", (40, 30), (8 * i, 200 * j, 90)).save(images / f"{i}-{name}")
                writer.writerow([f"{i}-{name}", *rest])
    return folder


RUNNABLE = [line for line in COMMANDS if reason(line) is None]
marked = [
    pytest.param(
        line, id=" ".join(words_of(line))[:60], marks=[pytest.mark.slow] if any(s in line for s in SLOW) else []
    )
    for line in RUNNABLE
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of the exporter
@pytest.mark.parametrize("line", marked)
def test_a_command_runs_in_a_small_form(folder: Path, monkeypatch, line: str) -> None:
    monkeypatch.setattr("multimodal.sweep.write_report", lambda *_: None)  # a sweep's; that of mode=report is written
    assert RUN.match(line), f"run {line} in a test of its own, or say in NOT_RUN why not"
    place = ["output_dir=" + "".join(filter(str.isalnum, line))] if trains(line) else []
    done = command(folder, *small(words_of(line)), *place)
    assert done.status == 0, done.stderr


@pytest.mark.parametrize("line", [line for line in COMMANDS if reason(line) is not None and RUN.match(line)])
def test_a_command_that_is_not_run_is_composed(line: str) -> None:
    assert checked([word for word in words_of(line) if not word.startswith(ELSEWHERE)])


RESULTS = (ROOT / ".github" / "results" / "README.md").read_text(encoding="utf-8")
IN_SENTENCES = re.findall(r"`(python scripts/run\.py [^`]*)`", TEXT + RESULTS)


@pytest.mark.parametrize("line", [line.replace("concat,average", "concat") for line in IN_SENTENCES])  # the page's own
def test_a_command_in_a_sentence_is_composed(line: str) -> None:
    assert checked(words_of(line))


def test_nothing_is_excused_that_is_not_there() -> None:
    assert [part for part in NOT_RUN if not any(part in line for line in COMMANDS)] == []


def test_your_own_fusion_averages(monkeypatch) -> None:
    """The three files as they stand: the component, its YAML, and its test."""
    component, test = [block for language, block in BLOCKS if language == "python" and "AverageFusion" in block]
    (option,) = [block for language, block in BLOCKS if language == "yaml"]
    module = ModuleType("multimodal.fusion.average")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(component, module.__dict__)
    built = instantiate(yaml.safe_load(option) | {"dim": 8})
    assert type(built) is module.AverageFusion
    names: dict = {}
    exec(test, names)
    names["test_equal_embeddings_pass_through_as_one"]()


def test_the_tree_names_what_is_there() -> None:
    (tree,) = [block for _, block in BLOCKS if block.startswith("conf/ ")]
    names = [
        name for line in tree.splitlines() if line[:4].strip() for name in line.strip().split("   ")[0].split(", ")
    ]
    names = [name for name in names if re.fullmatch(r"[\w/]+(/|\.py)", name)]
    assert len(names) > 30
    assert [
        n for n in names if not any((ROOT / place / n).exists() for place in ("", "multimodal", "multimodal/dataset"))
    ] == []
