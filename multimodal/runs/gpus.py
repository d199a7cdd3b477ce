"""Give each process of a sweep a GPU of its own, as `hydra/launcher=gpus` asks for."""

import atexit
import logging
import multiprocessing
import os
import tempfile
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

log = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
WAIT = 1.0  # seconds between two looks for a free GPU


def visible_gpus() -> list[str]:
    """Return numbers or names of the GPUs that this process may use: those of CUDA_VISIBLE_DEVICES if set, else all."""
    named = os.environ.get(VISIBLE)
    if named is None:
        return [str(number) for number in range(torch.cuda.device_count())]
    names = [name.strip() for name in named.split(",")]
    known = takewhile(
        lambda name: name not in ("", "NoDevFiles") and not name.startswith("-"), names
    )  # as CUDA reads it
    gpus, count = list(dict.fromkeys(known)), torch.cuda.device_count()
    # CUDA leaves out what follows a number that no GPU has; parts of GPUs have names and are counted otherwise
    return gpus[:count] if count and all(gpu.isdigit() for gpu in gpus) else gpus


def uuids() -> list[str]:
    """Return the UUIDs of the GPUs that this process may use, in CUDA's order, which then is set for the process."""
    return [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]


def gpus_with_uuids() -> dict[str, str]:
    """Return {number or name of a GPU that this process may use: what tells it from all others}.

    That is its UUID, which a number and a name have in common; where CUDA does not tell one for each, such as for the
    parts of a GPU, it is the name itself. CUDA is asked in a process of its own, because it sticks to the GPUs that it
    saw first.
    """
    names = visible_gpus()
    if not torch.cuda.device_count():
        return dict(zip(names, names, strict=True))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(uuids)
    return dict(zip(names, found if len(set(found)) == len(names) else names, strict=True))


class OneGPU(Callback):
    """Takes a free GPU before the first job of a process, which keeps it: CUDA cannot change it afterwards.

    All sweeps of a user on this machine share a folder of locks, so two never share a GPU, however they name it.
    """

    def __init__(self) -> None:
        self.gpus = gpus_with_uuids()  # found where the sweep begins; its processes get this object
        self.folder = Path(tempfile.gettempdir()) / f"multimodal-gpus-{os.getuid()}"

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse a machine without a GPU."""
        if not self.gpus:
            raise SystemExit("error: hydra/launcher=gpus needs a GPU, and this machine shows none; leave it out")

    on_multirun_start = on_run_start

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Wait for a free GPU, unless this process has one already, and let it see no other."""
        own = os.environ.get(VISIBLE, "")
        os.environ[VISIBLE] = take_free({own: self.gpus[own]} if own in self.gpus else self.gpus, self.folder)


def take_free(gpus: dict[str, str], folder: Path) -> str:
    """Wait until one of the GPUs is free and return its number or name.

    It is taken by a lock on a file, which the system frees when this process ends, however it ends. A process that has
    the GPU already gets it at once.

    Args:
        gpus: see `gpus_with_uuids`.
        folder: of the locks.
    """
    folder.mkdir(exist_ok=True)
    # a process that took a lock before gets the same object here, which it may acquire again
    files = {gpu: folder / f"{uuid.replace('/', '-')}.lock" for gpu, uuid in gpus.items()}
    locks = {gpu: FileLock(file, is_singleton=True) for gpu, file in files.items()}
    waiting = False
    while True:
        for gpu, lock in locks.items():
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            atexit.register(lock.release)  # until then it is referenced, so it is kept
            return gpu
        if not waiting:
            log.info("waiting for a free GPU: other processes have %s", ", ".join(gpus))
        waiting = True
        time.sleep(WAIT)
