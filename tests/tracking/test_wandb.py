"""Runs are read back from the file that wandb writes offline, by a reader of our own: it has none."""

import os
import pty
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import wandb
from PIL import Image

from multimodal.tracking.guarded import GuardedTracker
from multimodal.tracking.tracker import Artifact, TrackedRun
from multimodal.tracking.wandb import WandbRun
from tests.helpers.offline_wandb import read_runs, read_table

SETTINGS = {"project": "project", "entity": None, "group": None, "tags": [], "notes": None, "job_type": None}
SETTINGS |= {"system_metrics": False, "every": 50, "test_samples": 0, "watched_samples": 0, "artifacts": True}
CONFIG = {"choices": {"fusion": "concat"}, "seed": 3, "data_source": "embedded", "checkpoint": None}


def started(folder: Path, name: str = "one", mode: str = "offline", settings: dict = {}, **config) -> WandbRun:  # noqa: B006
    """An open run."""
    run = TrackedRun(f"key-{name}", name, "sweep", "train", ["mnist", "concat"], CONFIG | config, resume=True)
    return WandbRun(mode, **(SETTINGS | settings)).open(folder, run)


def logged(run: dict, name: str) -> list:
    """The history of one quantity."""
    return [row[name] for row in run["history"] if name in row]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of one finished offline run with everything in it."""
    folder = tmp_path_factory.mktemp("run")
    Image.new("L", (4, 4)).save(folder / "tsne.png")
    (folder / "card.json").write_text("{}")
    (folder / "best.pt").write_bytes(b"weights")
    with started(folder) as run:
        run.log({"step": 10, "train/loss": 2.5, "validation/loss": 3.0})
        run.log({"step": 20, "train/loss": 1.5, "validation/loss": 2.0})
        run.table("predictions/test", [{"image": np.eye(4, dtype=np.uint8)[..., None], "class": "a", "correct": True}])
        run.artifact(Artifact("mnist", "dataset", [folder / "card.json"], {"fingerprint": "f"}, produced=False))
        run.artifact(Artifact("model", "model", [folder / "best.pt"], {"data": "mnist"}, produced=True))
        run.figures({"tsne": folder / "tsne.png", "curves": folder / "tsne.png"})
        run.summary({"test/accuracy": 0.75, "validation/loss": 2.25, "test/class_coherence": None})
    return folder


def test_config_group_and_tags_are_kept(folder):
    (run,) = read_runs(folder)
    assert {name: run["config"][name] for name in CONFIG} == CONFIG
    assert (run["name"], run["group"], run["tags"]) == ("one", "sweep", ["mnist", "concat"])
    assert (run["id"], run["job_type"], run["notes"]) == ("key-one", "train", "")


def test_group_tags_notes_and_job_type_can_be_given(tmp_path):
    settings = {"group": "mine", "tags": ["mnist", "ablation"], "notes": "a remark", "job_type": "pretrain"}
    with started(tmp_path, settings=settings):
        pass
    (run,) = read_runs(tmp_path)
    assert (run["group"], run["tags"]) == ("mine", ["mnist", "concat", "ablation"])
    assert (run["notes"], run["job_type"]) == ("a remark", "pretrain")


def test_an_id_that_the_environment_gives_goes_before_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "agent")  # so does an agent of a W&B sweep
    with started(tmp_path):
        pass
    assert read_runs(tmp_path)[0]["id"] == "agent"


def test_every_curve_is_over_the_optimizer_step(folder):
    (run,) = read_runs(folder)
    assert run["metrics"]["*"] == run["metrics"]["validation/loss"] == "step"
    assert [row["step"] for row in run["history"]] == [10, 20, 20, 20]  # table and figures are of the last one


def test_every_row_of_the_history_is_kept_in_order(folder):
    (run,) = read_runs(folder)
    assert logged(run, "train/loss") == [2.5, 1.5]
    assert logged(run, "validation/loss") == [3.0, 2.0]


def test_the_summary_has_the_final_values_and_neither_undefined_ones_nor_facts_of_figures(folder):
    (run,) = read_runs(folder)
    final = {name: value for name, value in run["summary"].items() if not name.startswith(("_", "predictions"))}
    assert final == {"test/accuracy": 0.75, "validation/loss": 2.25, "step": 20, "train/loss": 1.5}


def test_while_a_run_trains_its_validation_loss_is_the_lowest(tmp_path):
    with started(tmp_path) as run:
        run.log({"step": 1, "validation/loss": 2.0})
        run.log({"step": 2, "validation/loss": 3.0})
    assert read_runs(tmp_path)[0]["summary"]["validation/loss"] == {"min": 2}


def test_a_table_has_its_rows_and_pictures(folder):
    (row,) = read_table(read_runs(folder)[0], "predictions/test")
    assert (row["class"], row["correct"]) == ("a", True)
    assert np.asarray(Image.open(row["image"])).tolist() == np.eye(4).tolist()
    assert folder in row["image"].parents  # W&B's default is the user's home


def test_artifacts_have_aliases_and_facts_and_are_not_copied(folder):
    artifacts = read_runs(folder)[0]["artifacts"]
    model, data = artifacts["model"], artifacts["mnist"]
    assert (model["type"], model["metadata"]) == ("model", {"data": "mnist"})
    assert sorted(model["aliases"]) == ["best", "latest"]
    assert model["files"] == {"best.pt": folder / "best.pt"}
    assert (data["type"], data["aliases"], data["metadata"]) == ("dataset", ["latest"], {"fingerprint": "f"})
    assert data["files"] == {"card.json": folder / "card.json"}


def test_figures_are_pictures_on_disk(folder):
    (run,) = read_runs(folder)
    pictures = {
        n: v for row in run["history"] for n, v in row.items() if n.startswith("figure/") and n.endswith("/path")
    }
    assert set(pictures) == {"figure/tsne/path", "figure/curves/path"}
    (files,) = folder.glob("wandb/offline-run-*/files")
    for picture in pictures.values():
        assert (files / picture).read_bytes().startswith(b"\x89PNG")


def test_a_finished_run_exits_with_0(folder):
    assert read_runs(folder)[0]["exit"] == 0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_passes_through_and_is_recorded(tmp_path, error):
    def diverge():
        with started(tmp_path) as run:
            run.log({"train/loss": 1.0})
            raise error("diverged")

    with pytest.raises(error, match="diverged"):
        diverge()
    (run,) = read_runs(tmp_path)
    assert run["exit"] == 1
    assert logged(run, "train/loss") == [1.0]
    assert run["alerts"] == ([("failed: one", "ValueError: diverged")] if error is ValueError else [])


def test_the_title_of_an_alert_is_cut_to_what_wandb_allows(tmp_path):
    with pytest.raises(ValueError, match="diverged"), started(tmp_path, name="n" * 100):
        raise ValueError("diverged")
    ((title, _),) = read_runs(tmp_path)[0]["alerts"]
    assert title == "failed: " + "n" * 55


@pytest.mark.parametrize("closed", [True, False])
def test_two_runs_in_one_process_are_two_runs(tmp_path, closed):
    first = started(tmp_path, "one", seed=1)
    first.log({"loss": 1.0})
    if closed:
        first.__exit__(None, None, None)
    with started(tmp_path, "two", seed=2) as second:
        second.log({"loss": 2.0})
    one, two = read_runs(tmp_path)
    assert (one["config"]["seed"], two["config"]["seed"]) == (1, 2)
    assert (logged(one, "loss"), logged(two, "loss")) == ([1.0], [2.0])


def test_disabled_writes_nothing(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    with started(tmp_path, mode="disabled") as run:
        run.log({"loss": 1.0})
        run.summary({"accuracy/both": 1.0})
        run.figures({"tsne": folder / "tsne.png"})
        run.table("predictions/test", [{"class": "a"}])
        run.artifact(Artifact("model", "model", [folder / "best.pt"], {}, produced=True))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_mode_names_those_there_are():
    with pytest.raises(ValueError, match="one of online, offline, disabled, got 'loud'"):
        WandbRun("loud", **SETTINGS)


class Failing:
    """Stands for a run of W&B; one of its methods raises."""

    def __init__(self, method: str, error: Exception) -> None:
        self.method, self.error, self.summary, self.resumed = method, error, {}, False

    def act(self, method: str) -> None:
        if method == self.method:
            raise self.error

    def define_metric(self, *arguments, **settings):
        self.act("define_metric")

    def log(self, row):
        self.act("log")

    def finish(self, exit_code):
        self.act("finish")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("service"), wandb.Error("no")])
@pytest.mark.parametrize("method", ["init", "define_metric", "log", "finish"])
def test_a_run_goes_on_without_a_tracker_that_fails(tmp_path, monkeypatch, caplog, error, method):
    def init(**settings):
        if method == "init":
            raise error
        return Failing(method, error)

    monkeypatch.setattr(wandb, "init", init)
    tracked = TrackedRun("key", "one", "sweep", "train", [], {}, resume=True)
    with GuardedTracker(WandbRun("offline", **SETTINGS)).open(tmp_path, tracked) as run:
        run.log({"loss": 1.0})
        run.log({"loss": 2.0})
        run.summary({"accuracy/both": 1.0})
        run.figures({})
    assert caplog.text.count("W&B failed, and the run goes on without it") == 1
    assert caplog.text.count("\n") == 1


class Resumed(SimpleNamespace):
    """Stands for a run that the server knows up to step 50; it keeps what is called."""

    def __init__(self, **settings) -> None:
        super().__init__(settings=settings, resumed=True, offline=False, summary={"step": 50}, rows=[], used=[])

    def define_metric(self, *arguments, **settings): ...

    def log(self, row):
        self.rows.append(row)

    def log_artifact(self, artifact, aliases):
        return SimpleNamespace(name=artifact.name, wait=lambda timeout: artifact)

    def use_artifact(self, artifact):
        self.used.append(artifact.name)

    def finish(self, exit_code): ...


@pytest.fixture
def server_run(monkeypatch):
    """The run that `wandb.init` returns, as with a server."""
    opened = []
    monkeypatch.setattr("multimodal.tracking.wandb.reachable_mode", lambda: ("online", None))
    monkeypatch.setattr(wandb, "init", lambda **settings: opened.append(Resumed(**settings)) or opened[0])
    return opened


def test_online_a_resumed_run_goes_on_and_repeats_no_row(tmp_path, server_run):
    with started(tmp_path, mode="online") as run:
        for step in (25, 50, 75):
            run.log({"step": step})
        run.log({"figure": 1})
    assert server_run[0].rows == [{"step": 75}, {"figure": 1}]
    assert (server_run[0].settings["id"], server_run[0].settings["resume"]) == ("key-one", "allow")


def test_online_a_run_done_anew_replaces_the_one_before(tmp_path, server_run):
    with WandbRun("online", **SETTINGS).open(tmp_path, TrackedRun("key", "one", "", "train", [], {}, resume=False)):
        pass
    assert (server_run[0].settings["id"], server_run[0].settings["resume"]) == ("key", None)


def test_online_what_a_run_used_is_its_input_and_what_it_made_is_not(tmp_path, server_run, folder):
    with started(tmp_path, mode="online") as run:
        run.artifact(Artifact("mnist", "dataset", [folder / "card.json"], {}, produced=False))
        run.artifact(Artifact("model", "model", [folder / "best.pt"], {}, produced=True))
    assert server_run[0].used == ["mnist"]


def test_a_server_that_takes_no_input_costs_a_line(tmp_path, server_run, folder, caplog):
    with started(tmp_path, mode="online") as run:
        server_run[0].use_artifact = lambda artifact: 1 / 0
        run.artifact(Artifact("mnist", "dataset", [folder / "card.json"], {}, produced=False))
        run.log({"step": 75})
    assert "mnist is not recorded as an input" in caplog.text
    assert server_run[0].rows == [{"step": 75}]


ONLINE = """
import logging, sys, time
from pathlib import Path
logging.basicConfig(format="%(levelname)s %(message)s")
from multimodal.tracking.tracker import TrackedRun
from multimodal.tracking.wandb import WandbRun, reachable_mode
began = time.perf_counter()
reachable_mode()
print("seconds", time.perf_counter() - began)  # what follows is the opening of an offline run, and no waiting
run = TrackedRun("key", "one", "sweep", "train", [], {}, resume=True)
tracker = WandbRun("online", "project", None, None, [], None, None, True, 50, 0, 0, True)
with tracker.open(Path(sys.argv[1]), run) as run:
    run.log({"loss": 1.0})
"""


def at_a_terminal(folder: Path, **environment: str) -> list[str]:
    """The lines that the script above shows at a terminal where nobody types, as a user without settings."""
    ours, theirs = pty.openpty()  # wandb asks for a key only where it thinks that somebody could type one
    unset = ("WANDB_", "HTTPS_PROXY", "https_proxy")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    kept |= {"HOME": str(folder), "NETRC": str(folder / "netrc")} | environment
    process = subprocess.Popen(
        [sys.executable, "-c", ONLINE, str(folder)],
        env=kept,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
    )
    os.close(theirs)
    patience = threading.Timer(40, process.kill)  # a question would wait for ever
    patience.start()
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    status = process.wait()
    patience.cancel()
    assert status == 0, shown.decode()
    return [line for line in shown.decode().splitlines() if line.strip()]


class NotFound(BaseHTTPRequestHandler):
    """Has nothing."""

    def do_HEAD(self):
        self.send_response(404)
        self.end_headers()


@pytest.fixture
def server(request):
    """Its address: `closed`, nobody there; `stalled`, accepts and never answers; `missing`, answers not found."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        if request.param == "stalled":
            bound.listen()
        if request.param != "missing":
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
            return
    with HTTPServer(("127.0.0.1", 0), NotFound) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()


KEY = "machine 127.0.0.1 login user password " + "0" * 40


@pytest.mark.parametrize(
    ("server", "netrc", "reason"),
    [
        ("closed", KEY, "server out of reach"),  # a key that `wandb login` stored
        pytest.param("stalled", KEY, "server out of reach", marks=pytest.mark.slow),
        pytest.param("missing", "", "no API key", marks=pytest.mark.slow),
    ],
    indirect=["server"],
)
def test_online_without_key_or_network_is_offline_at_once_and_said_once(tmp_path, server, netrc, reason):
    (tmp_path / "netrc").write_text(netrc)
    (tmp_path / "netrc").chmod(0o600)
    lines = at_a_terminal(tmp_path, WANDB_BASE_URL=server)
    seconds, warning = lines
    assert warning.startswith(f"WARNING W&B: offline ({reason})")
    assert "wandb sync" in warning
    assert float(seconds.split()[1]) < 3
    (run,) = read_runs(tmp_path)
    assert (logged(run, "loss"), run["exit"]) == ([1.0], 0)
