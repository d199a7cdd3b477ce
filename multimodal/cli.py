"""The command line: train and evaluate one experiment, or with -m a sweep of them."""

import os
import shlex
import signal
import sys
from io import TextIOWrapper
from typing import Any

import hydra
from omegaconf import DictConfig

from multimodal.runs.composition import CONF
from multimodal.runs.overrides import RENAMED, check_overrides
from multimodal.training.interruption import interruptible

FLAGS = {
    "dataset": "dataset",
    "output_dir": "output_dir",
    "seed": "seed",
} | RENAMED  # flags of other programs: settings here


def main() -> None:
    """Check what the command line names, then let Hydra run its jobs."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads of one job do not starve another's
    if not sys.stderr.isatty():  # a log file wants no progress bars
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show a character gets its escape
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:]
    flags = [argument for argument in arguments if argument.startswith("--") and name_of(argument) in FLAGS]
    if flags:
        raise SystemExit(f"error: settings have no dashes here; the command is\n{translated(arguments)}")
    if "--shell-completion" not in arguments and "-sc" not in arguments:
        try:
            check_overrides([a for a in arguments if "=" in a and not a.startswith("-")])
        except ValueError as error:
            raise SystemExit(f"error: {error}") from error
    try:
        with interruptible():
            run_jobs()
    except KeyboardInterrupt as error:  # outside of a job
        print(str(error) or "interrupted", file=sys.stderr)
        raise SystemExit(128 + getattr(error, "received", signal.SIGINT)) from error


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def run_jobs(cfg: DictConfig) -> Any:
    """Run one job; what it needs is imported only now, so that --help and tab completion are quick."""
    from multimodal.sweep import run_job

    return run_job(cfg)


def name_of(flag: str) -> str:
    """Return the name in a flag: `--batch-size=8` -> batch_size."""
    return flag.lstrip("-").partition("=")[0].replace("-", "_")


def translated(arguments: list[str]) -> str:
    """Return the command of this suite for a command line of flags."""
    words, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        name = name_of(word)
        if not word.startswith("--") or name not in FLAGS:
            words.append(word)
            continue
        value = word.partition("=")[2] or (rest.pop(0) if rest and not rest[0].startswith("--") else "<value>")
        words.append(f"{FLAGS[name]}={value}")
    return shlex.join(["python", "scripts/run.py", *words])
