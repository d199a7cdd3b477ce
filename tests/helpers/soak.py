"""Many tiny jobs in one process, and what each leaves in it."""

import os
import sys
import threading
from pathlib import Path

import multimodal
from tests.helpers.command import BRIEF

FAST = [*BRIEF, "training.steps=2", "training.num_validations=1", "evaluation.figures=null", "tracking=disabled"]


def resident() -> float:
    """Return this process's resident memory in megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak(folder: Path, jobs: int) -> list[tuple[float, int, int]]:
    """Run jobs with another seed each; return (resident megabytes, open files, threads) after each."""
    measured = []
    for seed in range(jobs):
        multimodal.train(*FAST, f"seed={seed}", f"output_dir={folder}/{seed}", f"cache_dir={folder}/cache")
        measured.append((resident(), len(list(Path("/proc/self/fd").iterdir())), threading.active_count()))
    return measured


if __name__ == "__main__":
    for row in soak(Path(sys.argv[1]), int(sys.argv[2])):
        print(*row)
