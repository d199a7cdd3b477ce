"""The command line: train and evaluate one experiment, or with -m a sweep of them."""

import os
import re
import shlex
import signal
import sys
from io import TextIOWrapper

import hydra
from omegaconf import DictConfig

from multimodal.runs.composition import CONF
from multimodal.runs.overrides import ENCODER_FILES, GROUPS, RENAMED, check_overrides, with_files_of_checkpoint
from multimodal.training.interruption import interruptible

TEXTS = ("text", "image")  # settings whose value is text as it stands, commas and brackets included
PATHS = ("dataset.path", "output_dir", "checkpoint", "samples", "cache_dir", *ENCODER_FILES)
# Hydra's flags that a value follows
VALUED = ["--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"]
VALUED += ["--experimental-rerun"]
HYDRA = [*VALUED, "--help", "--hydra-help", "--version", "--resolve", "--run", "--multirun", "--shell-completion"]
HYDRA += ["--info"]


def main() -> None:
    """Check what the command line names, then let Hydra run its jobs."""
    if "OMP_WAIT_POLICY" not in os.environ:
        # idle threads sleep soon, or they starve another job's; but not at once: to wake them for every operation takes
        # as long as the operations
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    if not sys.stderr.isatty():  # a log file wants no progress bars
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show a character gets its escape
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:]
    if "--shell-completion" not in arguments and "-sc" not in arguments:
        try:
            sys.argv[1:] = checked(arguments)
        except ValueError as error:
            raise SystemExit(f"error: {error}") from error
    try:
        with interruptible():
            run_jobs()
    except KeyboardInterrupt as error:  # outside of a job
        print(str(error) or "interrupted", file=sys.stderr)
        raise SystemExit(128 + getattr(error, "received", signal.SIGINT)) from error


def checked(arguments: list[str]) -> list[str]:
    """Return the command line as Hydra reads it: flags first, then overrides; texts of users are quoted.

    Raises:
        ValueError: a setting, an option or a flag does not exist.
    """
    unknown = [a for a in arguments if a.startswith("--") and a.partition("=")[0] not in HYDRA]
    if unknown:
        raise ValueError(f"settings have no dashes here; the command is\n{translated(arguments)}")
    values = {i + 1 for i, argument in enumerate(arguments) if argument in VALUED}
    flags = [a for i, a in enumerate(arguments) if a.startswith("-") or i in values]
    multirun = bool({"-m", "--multirun"} & set(flags))
    overrides = [quoted(a, multirun) for i, a in enumerate(arguments) if not a.startswith("-") and i not in values]
    overrides = with_files_of_checkpoint(overrides)
    check_overrides(overrides, multirun)
    return [*flags, *overrides]


def quoted(override: str, multirun: bool) -> str:
    """Return a text or a path of the user's in quotes, because Hydra reads commas, brackets, `~` and quotes itself.

    A sweep may have several paths, between commas; only what begins with `~` is put in quotes then.
    """
    name, _, value = override.partition("=")
    if name not in (*TEXTS, *PATHS) or value in ("", "null") or value[0] in "'\"":
        return override
    if multirun and name in PATHS:
        return f"{name}={','.join(in_quotes(path) if path.startswith('~') else path for path in value.split(','))}"
    return f"{name}={in_quotes(value)}"


def in_quotes(value: str) -> str:
    """Return a value in quotes for Hydra; a backslash is itself, but before a quote."""
    escaped = re.sub(r"(\\*)('|$)", lambda match: 2 * match[1] + ("\\'" if match[2] else ""), value)
    return f"'{escaped}'"


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def run_jobs(cfg: DictConfig) -> None:
    """Run one job; what it needs is imported only now, so that --help and tab completion are quick."""
    from multimodal.sweep import run_job

    run_job(cfg)


def name_of(flag: str) -> str:
    """Return the name in a flag: `--batch-size=8` -> batch_size."""
    return flag.lstrip("-").partition("=")[0].replace("-", "_")


def translated(arguments: list[str]) -> str:
    """Return the command of this suite for a command line of flags.

    Raises:
        ValueError: no setting does what a flag does.
    """
    words, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or word.partition("=")[0] in HYDRA:
            words.append(word)
            continue
        name = RENAMED.get(name_of(word), name_of(word))
        check_overrides([f"{name}=0"] if name not in GROUPS else [], multirun=False)
        value = word.partition("=")[2] or (rest.pop(0) if rest and not rest[0].startswith("--") else "<value>")
        words.append(f"{name}={value}")
    return shlex.join(["python", "scripts/run.py", *words])
