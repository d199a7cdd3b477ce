"""Where a sweep's jobs run: presets, threads, a killed job.

Sweeps in processes of their own are slow: python -m pytest -m slow tests/test_launchers.py
"""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from multimodal.runs.overrides import check_overrides
from tests.helpers.command import SCRIPT, TINY
from tests.helpers.toy import CONF, options

PLUGINS = {"two_cores": "hydra_joblib_launcher", "gpus": "hydra_joblib_launcher", "slurm": "hydra_submitit_launcher"}
PLUGINS |= {"processes": "hydra_submitit_launcher"}
PRESETS = [f"hydra/launcher={name}" for name in options("hydra/launcher")]
WANDB_SWEEP = yaml.safe_load((CONF / "wandb_sweep.yaml").read_text())
TOLD = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
# a script that says what a job finds in its process
PROBE = """
import json, os, hydra, torch
from pathlib import Path

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    Path(f"probe{cfg.seed}.json").write_text(json.dumps([torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]]))

main()
"""

# a script that says which GPU a job sees, and in which process
SEES = """
import json, os, time, hydra
from pathlib import Path
import multimodal.runs.composition  # registers the resolvers of conf/

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    time.sleep(2)  # so long that no process does all jobs
    Path(f"probe{cfg.seed}.json").write_text(json.dumps([os.environ["CUDA_VISIBLE_DEVICES"], os.getpid()]))

main()
"""


def needs(preset: str) -> None:
    """Skips where the extra that the preset needs is not installed."""
    plugin = PLUGINS[preset.rpartition("=")[2]]
    pytest.importorskip(f"hydra_plugins.{plugin}", reason=f"{preset} needs {plugin}: an extra in pyproject.toml")


def environment(**changes: str) -> dict[str, str]:
    """This process's, without what tests/conftest.py says of threads."""
    return {name: value for name, value in os.environ.items() if name not in TOLD} | changes


def sweep(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The command in a process of its own, as its workers are."""
    line = [sys.executable, SCRIPT, "-m", *TINY, "tracking=disabled", f"cache_dir={folder}/cache", *arguments]
    return subprocess.run(
        line, cwd=folder, env=environment(OMP_NUM_THREADS="1"), capture_output=True, text=True, timeout=600
    )


def statuses(folder: Path) -> list[str]:
    """How the jobs ended that left a record."""
    return sorted(json.loads(file.read_text())["status"] for file in (folder / "jobs").glob("*.json"))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_composes_with_the_settings_of_its_plugin(preset: str) -> None:
    """Hydra refuses a key that the plugin's own config does not have."""
    needs(preset)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", [preset], return_hydra_config=True)
    group = preset.removeprefix("hydra/").partition("=")[0]
    assert cfg.hydra[group]._target_.startswith(f"hydra_plugins.{PLUGINS[preset.rpartition('=')[2]]}.")


@pytest.mark.parametrize(
    ("chosen", "brought", "extra"),
    [
        ("two_cores", "joblib", "joblib"),
        ("gpus", "joblib", "joblib"),
        ("joblib", "joblib", "joblib"),
        ("slurm", "submitit_slurm", "slurm"),
        ("processes", "submitit_local", "slurm"),
    ],
)
def test_a_launcher_without_its_plugin_says_what_to_install(monkeypatch, chosen: str, brought: str, extra: str) -> None:
    Plugins.instance()  # the plugins that are installed here have registered their files
    launchers = ConfigStore.instance().repo["hydra"]["launcher"]
    monkeypatch.delitem(launchers, f"{brought}.yaml", raising=False)
    with pytest.raises(ValueError, match=re.escape(f"'hydra/launcher/{brought}'")) as error:
        check_overrides([f"hydra/launcher={chosen}", "seed=7"], multirun=True)  # composed by no other test, so anew
    assert f"pip install 'multimodal-suite[{extra}]'" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_preset_is_not_named_like_what_it_includes() -> None:
    """It would include itself, for ever."""
    for preset in PRESETS:
        group, _, name = preset.partition("=")
        text = (CONF / group / f"{name}.yaml").read_text()
        assert f"- {name}\n" not in text
        assert f"- {name}@" not in text
        assert text.count("# ") > 2  # when to pick it, what it needs, how it is called


def test_the_jobs_of_a_wandb_agent_are_commands_that_compose(config) -> None:
    parameters = WANDB_SWEEP["parameters"].items()
    chosen = {name: {"value": p["values"][0] if "values" in p else p["min"]} for name, p in parameters}
    macros = create_sweep_command_args({"args": chosen}) | {"program": [WANDB_SWEEP["program"]]}
    macros |= {"env": ["/usr/bin/env"], "interpreter": ["python"]}
    line = []
    for part in create_sweep_command(list(WANDB_SWEEP["command"])):
        line += macros[part[2:-1]] if part.startswith("${") else [part]
    assert line[2] == str(Path(SCRIPT).relative_to(CONF.parent))
    cfg = config(*line[3:])
    for name, one in chosen.items():
        if name != "dim":  # which the fixture sets
            assert OmegaConf.select(cfg, name) == one["value"]
    assert len(line) == 3 + 3 + len(chosen)


@pytest.mark.slow
@pytest.mark.parametrize(("told", "threads"), [({}, max(joblib.cpu_count() // 2, 1)), (TOLD, 2)])
def test_two_jobs_divide_the_cores_unless_told_otherwise(tmp_path: Path, told: dict[str, str], threads: int) -> None:
    needs("two_cores")
    (tmp_path / "probe.py").write_text(PROBE)
    line = [sys.executable, "probe.py", "-m", "--config-dir", str(CONF), "hydra/launcher=two_cores", "+seed=0,1"]
    done = subprocess.run(line, cwd=tmp_path, env=environment(**told), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for seed in (0, 1):
        assert json.loads((tmp_path / f"probe{seed}.json").read_text()) == [threads, str(threads)]


@pytest.mark.slow
def test_each_of_two_processes_sees_one_gpu_of_two(tmp_path: Path) -> None:
    """Names stand for GPUs: a job reads the variable that CUDA would."""
    needs("gpus")
    (tmp_path / "probe.py").write_text(SEES)
    line = [sys.executable, "probe.py", "-m", "--config-dir", str(CONF), "hydra/launcher=gpus", "+seed=0,1,2"]
    env = environment(CUDA_VISIBLE_DEVICES="4,7", TMPDIR=str(tmp_path))
    done = subprocess.run(line, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    seen = [json.loads((tmp_path / f"probe{seed}.json").read_text()) for seed in (0, 1, 2)]
    assert len({process for _, process in seen}) == 2
    assert {gpu for gpu, _ in seen} == {"4", "7"}
    assert len({tuple(pair) for pair in seen}) == 2  # a process keeps its GPU


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["two_cores", "gpus", "processes"])
def test_a_sweep_in_processes_ends_as_one_after_the_other_does(tmp_path: Path, monkeypatch, preset: str) -> None:
    """One job fails, the other finishes, and the table has both."""
    needs(preset)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")  # of which `gpus` takes one each
    done = sweep(tmp_path, f"hydra/launcher={preset}", "training.batch_size=0,32")
    assert done.returncode == 1
    assert "2 jobs, 1 failed" in done.stdout, done.stderr
    with (tmp_path / "runs" / "sweep.csv").open() as file:
        assert sorted(row["status"] for row in csv.DictReader(file)) == ["failed", "finished"]


@pytest.mark.slow
def test_a_killed_process_takes_no_other_with_it_and_its_job_is_done_the_next_time(tmp_path: Path) -> None:
    needs("processes")
    line = [sys.executable, SCRIPT, "-m", *TINY, "hydra/launcher=processes", "tracking=disabled", "seed=0,1"]
    line += [f"cache_dir={tmp_path}/cache"]
    env = environment(OMP_NUM_THREADS="1")  # nothing else limits the threads of two jobs at once
    running = subprocess.Popen(line, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    os.kill(worker(tmp_path), signal.SIGKILL)
    output = running.communicate(timeout=600)[0].decode()
    assert running.returncode == 1, output
    wait_for(lambda: "finished" in statuses(tmp_path / "runs"), 300)
    # nobody was left to say that it was killed, and it may have been before its first record
    assert statuses(tmp_path / "runs") in (["finished"], ["finished", "running"])
    again = subprocess.run(line, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600)
    assert again.returncode == 0, again.stderr
    assert statuses(tmp_path / "runs") == ["finished", "finished"]


def worker(folder: Path) -> int:
    """Process id of one of the jobs that a sweep in this folder started, once it has begun."""
    wait_for(lambda: (folder / "runs" / "jobs").is_dir() and any((folder / "runs" / "jobs").iterdir()), 300)
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().decode() if entry.name.isdigit() else ""
        except OSError:
            continue
        if "submitit.core._submit" in line and str(folder) in str((entry / "cwd").readlink()):
            return int(entry.name)
    raise AssertionError(f"no job runs in {folder}")


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """AssertionError if it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.2)
