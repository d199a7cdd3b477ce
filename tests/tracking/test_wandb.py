"""Runs are read back from the file that wandb 0.31 writes offline, by a reader of our own: it has none."""

import os
import pty
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import wandb
from PIL import Image

from multimodal.tracking.wandb import WandbRun
from tests.helpers.offline_wandb import read_runs

CONFIG = {"choices": {"fusion": "concat"}, "seed": 3, "data_source": "embedded", "checkpoint": None}


def started(folder: Path, name: str = "one", mode: str = "offline", **config) -> WandbRun:
    """An open run."""
    return WandbRun(mode, "project", None).open(folder, name, "sweep", ["mnist", "concat"], CONFIG | config)


def logged(run: dict, name: str) -> list:
    """The history of one quantity."""
    return [row[name] for row in run["history"] if name in row]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of one finished offline run with everything in it."""
    folder = tmp_path_factory.mktemp("run")
    Image.new("L", (4, 4)).save(folder / "tsne.png")
    with started(folder) as run:
        run.log({"step": 10, "train/loss": 2.5, "validation/loss": 3.0})
        run.log({"step": 20, "train/loss": 1.5, "validation/loss": 2.0})
        run.summary({"accuracy/both": 0.75, "cost/parameters": 1000, "image_to_text/class_coherence": None})
        run.figures({"tsne": folder / "tsne.png", "curves": folder / "tsne.png"})
    return folder


def test_config_group_and_tags_are_kept(folder):
    (run,) = read_runs(folder)
    assert {name: run["config"][name] for name in CONFIG} == CONFIG
    assert (run["name"], run["group"], run["tags"]) == ("one", "sweep", ["mnist", "concat"])


def test_every_row_of_the_history_is_kept_in_order(folder):
    (run,) = read_runs(folder)
    assert logged(run, "step") == [10, 20]
    assert logged(run, "train/loss") == [2.5, 1.5]
    assert logged(run, "validation/loss") == [3.0, 2.0]


def test_final_values_stand_under_test_and_undefined_ones_are_left_out(folder):
    (run,) = read_runs(folder)
    final = {name: value for name, value in run["summary"].items() if name.startswith("test/")}
    assert final == {"test/accuracy/both": 0.75, "test/cost/parameters": 1000}


def test_figures_are_pictures_on_disk(folder):
    (run,) = read_runs(folder)
    pictures = {n: v for row in run["history"] for n, v in row.items() if n.endswith("/path")}
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
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_mode_names_those_there_are():
    with pytest.raises(ValueError, match="one of online, offline, disabled, got 'loud'"):
        WandbRun("loud", "project", None)


class Failing:
    """Stands for a run of W&B; one of its methods raises."""

    def __init__(self, method: str, error: Exception) -> None:
        self.method, self.error, self.summary = method, error, {}

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
    with started(tmp_path) as run:
        run.log({"loss": 1.0})
        run.log({"loss": 2.0})
        run.summary({"accuracy/both": 1.0})
        run.figures({})
    assert caplog.text.count("W&B failed, and the run goes on without it") == 1
    assert caplog.text.count("\n") == 1


ONLINE = """
import logging, sys, time
from pathlib import Path
logging.basicConfig(format="%(levelname)s %(message)s")
from multimodal.tracking.wandb import WandbRun, reachable_mode
began = time.perf_counter()
reachable_mode()
print("seconds", time.perf_counter() - began)  # what follows is the opening of an offline run, and no waiting
with WandbRun("online", "project", None).open(Path(sys.argv[1]), "one", "sweep", [], {}) as run:
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
