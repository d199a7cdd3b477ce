"""A free GPU for each process: names on a machine without one stand for them."""

import multiprocessing
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from omegaconf import OmegaConf

from multimodal.runs import gpus
from multimodal.runs.gpus import VISIBLE, OneGPU, take_free, visible_gpus

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12 on: a fork with threads


@pytest.fixture
def one_gpu(monkeypatch, tmp_path: Path) -> OneGPU:
    """As it is after the sweep began with two GPUs."""
    monkeypatch.setenv(VISIBLE, "2, MIG-a/1")
    callback = OneGPU()
    callback.folder = tmp_path / "locks"
    return callback


@pytest.mark.parametrize(
    ("named", "found"), [("-1", []), ("NoDevFiles", []), ("0,0", ["0"]), ("1, 0,-1,2", ["1", "0"]), ("", [])]
)
def test_the_gpus_are_read_as_cuda_reads_them(named: str, found: list[str], monkeypatch) -> None:
    monkeypatch.setenv(VISIBLE, named)
    assert visible_gpus() == found


@pytest.mark.parametrize(
    ("named", "count", "found"),
    [("0,1,7", 2, ["0", "1"]), ("0,7,1", 1, ["0"]), ("GPU-a,GPU-b,GPU-c", 2, ["GPU-a", "GPU-b", "GPU-c"])],
)
def test_numbers_from_one_that_no_gpu_has_are_left_out(named, count, found, monkeypatch) -> None:
    monkeypatch.setenv(VISIBLE, named)
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)
    assert visible_gpus() == found


def begin_jobs(one_gpu: OneGPU, pipe, jobs: int) -> None:
    """Begin jobs in a process of a sweep, say which GPU each sees, and wait to be ended."""
    for _ in range(jobs):
        one_gpu.on_job_start(OmegaConf.create())
        pipe.send(os.environ[VISIBLE])
    pipe.recv()


def process(one_gpu: OneGPU, jobs: int = 1):
    """A forked process that begins jobs, and the pipe that tells of them."""
    pipe, there = multiprocessing.Pipe()
    started = multiprocessing.get_context("fork").Process(target=begin_jobs, args=(one_gpu, there, jobs), daemon=True)
    started.start()
    return started, pipe


@pytest.mark.usefixtures("one_thread")
def test_each_process_keeps_one_and_a_third_gets_that_of_a_killed_one(one_gpu, monkeypatch) -> None:
    monkeypatch.setattr(gpus, "WAIT", 0.01)
    (first, told), (second, told_too) = process(one_gpu, jobs=2), process(one_gpu, jobs=2)
    seen = {first: [told.recv(), told.recv()], second: [told_too.recv(), told_too.recv()]}
    assert sorted(map(set, seen.values()), key=str) == [{"2"}, {"MIG-a/1"}]
    third, waiting = process(one_gpu)
    assert not waiting.poll(0.2)
    first.kill()
    assert waiting.poll(10)
    assert waiting.recv() == seen[first][0]
    for ended in (second, third):
        ended.kill()
        ended.join()


def test_a_gpu_that_another_sweep_has_is_left_out(tmp_path: Path) -> None:
    with FileLock(tmp_path / "0.lock"):
        assert take_free({"0": "0", "1": "1"}, tmp_path) == "1"


def test_a_gpu_is_one_however_two_sweeps_name_it(tmp_path: Path) -> None:
    with FileLock(tmp_path / "a7.lock"):  # of a sweep that called it GPU-a7
        assert take_free({"0": "a7", "1": "b2"}, tmp_path) == "1"


class Asked:
    """A process that tells what CUDA told it."""

    def __init__(self, found: list[str]) -> None:
        self.found = found

    def __call__(self, processes: int) -> "Asked":
        return self

    def __enter__(self) -> "Asked":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def apply(self, function) -> list[str]:
        assert function is gpus.uuids
        return self.found


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (["a7", "b2"], {"1": "a7", "GPU-b": "b2"}),
        (["a7", "a7"], {"1": "1", "GPU-b": "GPU-b"}),  # parts of one GPU
        (["a7"], {"1": "1", "GPU-b": "GPU-b"}),  # CUDA cannot use the other one
    ],
)
def test_uuids_tell_gpus_apart_where_there_is_one_for_each(found, told, monkeypatch) -> None:
    monkeypatch.setenv(VISIBLE, "1,GPU-b")
    monkeypatch.setattr(gpus.torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(gpus.multiprocessing, "get_context", lambda method: SimpleNamespace(Pool=Asked(found)))
    assert gpus.gpus_with_uuids() == told


def test_cuda_is_asked_for_the_uuids_in_its_order(monkeypatch) -> None:
    monkeypatch.setattr(gpus.torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(gpus.torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=f"u{number}"))
    assert gpus.uuids() == ["u0", "u1"]


def test_those_that_are_visible_are_counted(monkeypatch, config) -> None:
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setattr(gpus.torch.cuda, "device_count", lambda: 3)
    assert visible_gpus() == ["0", "1", "2"]
    monkeypatch.setenv(VISIBLE, "GPU-5,0")
    assert visible_gpus() == ["GPU-5", "0"]
    assert OmegaConf.create({"n_jobs": "${num_gpus:}"}).n_jobs == 2


def test_a_machine_without_a_gpu_is_refused_in_a_line(monkeypatch) -> None:
    monkeypatch.setenv(VISIBLE, "")
    with pytest.raises(SystemExit, match="error: hydra/launcher=gpus needs a GPU"):
        OneGPU().on_multirun_start(OmegaConf.create())
