"""One damaged or foreign file in one run: the report leaves that run out, names file and reason, and has the others."""

import json
import logging
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
import yaml

from multimodal.comparison import report
from multimodal.comparison.figure_sections import figure_sections
from multimodal.comparison.reading import read_runs
from multimodal.comparison.report import write_report
from multimodal.comparison.run import Failure, Run
from multimodal.io import read_json, write_json, write_parquet
from tests.helpers.made_up_runs import make_run, record

BAD = "toy-concat-s1-embedded"  # the folder of the damaged run
SAMPLES = {"label": [0, 1, 0, 1, 0, 1], "product_correct": [1.0] * 6, "image_to_text/class_coherent": [0.5] * 6}


def write(content: str | bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(content if isinstance(content, bytes) else content.encode())


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def broken_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def link_to_itself(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def huge(file: Path) -> None:
    os.truncate(file, 3_000_000_000)  # sparse


def changed(**entries: object) -> Callable[[Path], object]:
    """A JSON file with other entries; `{"a/b": …}` is one name."""
    return lambda file: file.write_text(json.dumps(read_json(file) | entries))


def in_record(**entries: object) -> Callable[[Path], object]:
    def change(file: Path) -> None:
        config = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump(config | {"record": config["record"] | entries}))

    return change


def other_encoding(file: Path) -> None:
    file.write_bytes(file.read_text().encode("utf-16"))


def samples(**columns: list) -> Callable[[Path], object]:
    return lambda file: write_parquet(SAMPLES | columns, file)


ANY = {
    "empty": (write(""), "is empty"),
    "cut": (cut, ""),
    "binary": (write(bytes(range(256)) * 4), "is damaged"),
    "folder": (folder, "is "),
    "pipe": (pipe, "is not a file"),
}
TEXT = {"encoding": (other_encoding, "is damaged"), "huge": (huge, "bytes, which is too large")}
JSON = {
    "list": (write("[1, 2]"), "holds list and not an object"),
    "number": (write("7"), "holds int and not an object"),
    "deep": (write('{"a":' * 100_000), "is damaged"),
}
KINDS: dict[str, dict[str, tuple[Callable[[Path], object], str]]] = {
    "metrics.json": {
        **ANY,
        **TEXT,
        **JSON,
        "link": (broken_link, "is missing"),
        "loop": (link_to_itself, "metrics.json"),
        "nothing": (write("{}"), "undefined: Field required"),
        "nan": (write('{"accuracy/both": NaN}'), "holds NaN"),
        "infinity": (write('{"accuracy/both": -Infinity}'), "holds -Infinity"),
        "overflow": (changed(**{"accuracy/both": 10**400}), "metrics.json"),
        "text": (changed(**{"accuracy/both": "0.9"}), "accuracy/both must be a number or null, got '0.9'"),
        "truth": (changed(**{"accuracy/both": True}), "accuracy/both must be a number or null, got True"),
        "undefined": (changed(undefined=[]), "undefined: Input should be"),
        "baselines": (changed(baselines={"mean_image": 1}), "baselines.mean_image: Input should be"),
        "baseline": (changed(baselines={"mean_image": {"text_to_image/ssim": "x"}}), "baselines.mean_image"),
        "surface": (changed(**{"availability/surface": [{"no_image": 0}]}), "no_text: Field required"),
    },
    "config.yaml": {
        **ANY,
        **TEXT,
        "missing": (Path.unlink, "is missing"),
        "list": (write("[1]"), "was written by another version"),
        "foreign": (write("a: 1\nb: [2]"), "was written by another version"),
        "unknown": (write("!!python/object/apply:os.system ['echo']"), "is damaged"),
        "field": (in_record(more=1), "was written by another version"),
        "choices": (in_record(choices={"dataset": "toy"}), "lacks dataset, fusion, captions or seed"),
        "choices list": (in_record(choices=["toy"]), "its choices is of type list"),
        "overrides": (in_record(overrides="seed=1"), "its overrides is of type str"),
        "fingerprint": (in_record(fingerprint=7), "its fingerprint is of type int"),
        "seed": (
            lambda file: file.write_text(file.read_text().replace("seed: 1", "seed: one")),
            "lacks dataset, fusion, captions or seed",
        ),
        "date": (lambda file: file.write_text("day: 2020-01-01\n" + file.read_text()), "config.yaml: Object of type"),
    },
    "history.csv": {
        **ANY,
        "huge": TEXT["huge"],
        "encoding": TEXT["encoding"],
        "header": (write("step,validation/loss\r\n"), "has no rows"),
        "columns": (write("a,b\r\n1,2\r\n"), "has no step"),
        "text": (write("step,validation/loss\r\n10,low\r\n"), "is damaged"),
        "wide": (write("step\r\n10,2,3\r\n"), "is damaged"),
    },
    "data_card.json": {
        **ANY,
        **TEXT,
        **JSON,
        "nothing": (write("{}"), "classes: Field required"),
        "text": (write('{"classes": {"train": {"a": "many"}}}'), "classes.train.a: Input should be"),
    },
    "predictions.parquet": {
        **ANY,
        "text": (write("label\n1\n"), "is damaged"),
        "dtype": (samples(product_correct=["a"] * 6), "is damaged"),
        "nan": (samples(product_correct=[float("nan")] * 6), "has no finite number for fusion/product"),
        "rows": (lambda file: write_parquet({"product_correct": [1.0] * 4}, file), "has 4 samples"),
    },
    "generation.png": {**ANY, "huge": TEXT["huge"], "text": (write("<svg/>"), "is damaged")},
}
CASES = [(file, kind) for file, kinds in KINDS.items() for kind in kinds]


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fusions, two seeds each."""
    sweep = tmp_path_factory.mktemp("sweep") / "runs"
    for seed in (0, 1):
        for fusion in ("attention", "concat"):
            run = make_run(sweep, fusion, seed, steps=2)
            write_parquet(SAMPLES, run / "predictions.parquet")
    return sweep


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_figures(monkeypatch)


def leave_out_figures(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(report, "figure_sections", lambda groups, widest: [])
    for place in ("report", "figure_sections"):
        patch.setattr(f"multimodal.comparison.{place}.forest_panels", lambda tests, groups: [])


def test_there_are_more_than_48_kinds() -> None:
    assert len(CASES) >= 48


@dataclass
class Reported:
    """What is said of a folder with undamaged runs, and with a run for each kind of damage."""

    runs: list[Run]
    failures: dict[str, Failure]
    shown: dict[str, str]  # {where: text}


@pytest.fixture(scope="module")
def reported(undamaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    place = tmp_path_factory.mktemp("damaged") / "runs"
    shutil.copytree(undamaged, place, ignore=shutil.ignore_patterns(BAD))
    for file, kind in CASES:
        shutil.copytree(undamaged / BAD, place / damaged_name(file, kind))
        KINDS[file][kind][0](place / damaged_name(file, kind) / file)
    log = StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    try:
        with pytest.MonkeyPatch.context() as patch:
            leave_out_figures(patch)
            assert write_report(place, 0.01) is not None
    finally:
        logging.getLogger().removeHandler(handler)
    runs, failures = read_runs(place)
    shown = {"page": (place / "report.html").read_text(), "log": log.getvalue()}
    shown["text"] = (place / "report.md").read_text().replace("\\", "")
    return Reported(runs, {failure.name: failure for failure in failures}, shown)


def damaged_name(file: str, kind: str) -> str:
    """Return the name of the folder with this damage."""
    return f"{BAD}-{CASES.index((file, kind))}-end"


def test_undamaged_runs_are_compared_and_the_damaged_counted(reported: Reported, undamaged: Path) -> None:
    assert {run.folder.name for run in reported.runs} == {d.name for d in undamaged.iterdir()} - {BAD}
    assert len(reported.failures) == len(CASES)
    assert "3 runs, 2 fusions" in reported.shown["text"]
    assert f"0 jobs failed, {len(CASES)} folders left out" in reported.shown["text"]


@pytest.mark.parametrize(("file", "kind"), CASES)
def test_a_damaged_run_is_left_out_and_named(reported: Reported, file: str, kind: str) -> None:
    name = damaged_name(file, kind)
    failure = reported.failures[name]
    assert failure.status == "left out"
    assert file in failure.error
    assert KINDS[file][kind][1] in failure.error
    for where, text in reported.shown.items():
        assert any(file in text[m.end() : m.end() + 200] for m in re.finditer(name, text)), where


def test_a_run_without_its_optional_files_is_compared(undamaged: Path, tmp_path: Path) -> None:
    shutil.copytree(undamaged, tmp_path / "runs")
    for name in ("history.csv", "data_card.json", "predictions.parquet", "generation.png"):
        (tmp_path / "runs" / BAD / name).unlink()
    runs, failures = read_runs(tmp_path / "runs")
    assert (len(runs), failures) == (4, [])
    assert figure_sections({"toy": runs}, 700)


@pytest.mark.usefixtures("without_figures")
def test_only_damaged_runs_are_a_report_too(tmp_path: Path) -> None:
    write(b"")(make_run(tmp_path, "concat", 1) / "metrics.json")
    assert write_report(tmp_path, 0.01) is not None
    assert "No run can be compared; 0 jobs failed, 1 folder left out." in (tmp_path / "report.md").read_text()


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("content", ["", "{", "[]", '{"status": 7}', '{"error": "no"}'])
def test_a_damaged_status_or_record_ends_no_report(undamaged: Path, tmp_path: Path, content: str) -> None:
    shutil.copytree(undamaged, tmp_path / "runs")
    (tmp_path / "runs" / BAD / "metrics.json").unlink()
    (tmp_path / "runs" / BAD / "status.json").write_text(content)
    record(tmp_path / "runs", status="finished", overrides=["seed=9"])
    (job,) = (tmp_path / "runs" / "jobs").glob("*.json")
    job.write_text("{")
    assert write_report(tmp_path / "runs", 0.01) is not None
    text = (tmp_path / "runs" / "report.md").read_text().replace("\\", "")
    assert f"jobs: {job.name} is damaged or cut" in text
    assert "status.json" in text or "## Interrupted jobs" in text


@pytest.mark.usefixtures("without_figures")
def test_interrupted_and_unended_runs_are_listed_with_the_command_that_goes_on(undamaged: Path, tmp_path: Path) -> None:
    shutil.copytree(undamaged, tmp_path / "runs")
    for seed, status in enumerate(("interrupted", "running", "failed"), 5):
        run = make_run(tmp_path / "runs", "sum", seed, overrides=(f"seed={seed}",))
        (run / "metrics.json").unlink()
        write_json({"status": status} | ({"error": "why"} if status != "running" else {}), run / "status.json")
    finished = make_run(tmp_path / "runs", "sum", 8)
    (finished / "metrics.json").unlink()
    write_json({"status": "finished"}, finished / "status.json")
    write_report(tmp_path / "runs", 0.01)
    text = (tmp_path / "runs" / "report.md").read_text()
    assert "1 job failed, 2 interrupted, 1 folder left out" in text
    assert "## Interrupted jobs\n\n~~~~\npython scripts/run.py seed=5\nwhy\n~~~~" in text
    assert "python scripts/run.py seed=6\nthe job has not ended: it still runs, or was killed" in text
    assert "metrics.json is missing, though status.json says that the run has finished" in text
    page = (tmp_path / "runs" / "report.html").read_text()
    assert '<h2 id="interrupted">Interrupted jobs</h2>' in page
    assert '<h2 id="left-out">Left out</h2>' in page


NAMES = [
    "a\nrm -rf x",
    "```\n",
    "~~~~~~",
    "a|b",
    "<script>x</script>",
    "a`b`",
    "a\r# b",
    "a\u2028b",
    "b\x00"[:1] + "\x1b[2J",
]


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("name", NAMES)
def test_a_name_writes_no_line_ends_no_fence_and_is_no_html(tmp_path: Path, name: str) -> None:
    """In the name of a folder, in an override and in an error."""
    made = make_run(tmp_path, "concat", 1, overrides=(f"text={name}",))
    made.rename(tmp_path / name.replace("/", "∕"))
    record(tmp_path, status="failed", overrides=[f"text={name}"], error=f"ValueError: {name}", traceback="t")
    record(tmp_path, status="interrupted", overrides=[f"image={name}"], error=name)
    write_report(tmp_path, 0.01)
    text, page = ((tmp_path / f"report.{kind}").read_text() for kind in ("md", "html"))
    assert "<script>x" not in page
    block = text.partition("## Commands\n\n")[2].splitlines()
    fence = block[0].removesuffix("bash")
    assert set(fence) == {"`"}
    assert block[3] == fence
    assert len(block) == 4  # fence, folder, command, fence
    assert block[1].startswith("# ")
    for line in [block[2], *(line for line in text.splitlines() if line.startswith("python"))]:
        done = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
        words = done.stdout.decode().split("\0")
        assert any(word.endswith(f"={name}") for word in words)
    headings = [line for line in text.splitlines() if line.startswith("#") and not line.startswith("# a")]
    assert [h for h in headings if h.startswith("## ")][-3:] == ["## Failed jobs", "## Interrupted jobs", "## Commands"]
    for command in (line for line in page.splitlines() if "python scripts" in line):
        assert "<script" not in command


@pytest.mark.usefixtures("without_figures")
def test_a_folder_whose_name_is_not_utf8_ends_no_report(tmp_path: Path) -> None:
    make_run(tmp_path, "concat", 1).rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    assert write_report(tmp_path, 0.01) is not None
    assert "caf\\udce9" in (tmp_path / "report.md").read_text()


@pytest.mark.usefixtures("without_figures")
def test_commands_are_still_those_of_a_shell(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "concat", 1, overrides=("text=it's", "seed=1"))
    write_report(tmp_path, 0.01)
    text = (tmp_path / "report.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith("python"))
    assert shlex.split(line)[2:4] == ["text=it's", "seed=1"]
    assert f"# {folder.name}" in text
