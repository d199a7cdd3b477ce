"""What is read from W&B's server, without waiting for one that does not answer."""

import os
import re
import shutil
import uuid
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its telemetry looks up a host even offline

import wandb

from multimodal.connectivity import answers
from multimodal.errors import joined_lines

Mode = Literal["online", "offline", "disabled"]
MODES = ("online", "offline", "disabled")
PROBE_SECONDS = 1.5  # so that an unreachable server delays a run by less than 3 s in all
API_SECONDS = 20  # for one answer of the server
ADVICE = {"no API key": "`wandb login` stores one", "server out of reach": "check the network"}


@cache  # so that only the first job of a sweep waits for an unreachable server
def reachable_mode() -> tuple[Mode, str | None]:
    """Return ("online", None) if W&B can be reached, else another mode and the reason."""
    requested = os.environ.get("WANDB_MODE", "online")
    if requested in MODES and requested != "online":
        return cast(Mode, requested), f"WANDB_MODE={requested}"
    # the server first: without one, wandb.login takes five seconds to say so
    if not answers(wandb.setup().settings.base_url, PROBE_SECONDS):
        return "offline", "server out of reach"
    if not wandb.setup().settings.api_key and not has_netrc_key():
        return "offline", "no API key"
    return "online", None


def has_netrc_key() -> bool:
    """Return whether `wandb login` stored a key."""
    return wandb.login(prompt=False, verify=False)


def open_api(what: str) -> Any:
    """Return W&B's client.

    Args:
        what: what it is for, for a message: `checkpoint=wandb:...`.

    Raises:
        ValueError: there is no network or no key.
    """
    _, reason = reachable_mode()
    if reason is not None:
        raise ValueError(f"{what} is read from W&B, which cannot be: {reason}; {ADVICE.get(reason, 'unset it')}")
    try:
        return wandb.Api(timeout=API_SECONDS)
    except Exception as error:  # the library raises nearly anything
        raise ValueError(f"{what} is read from W&B, which cannot be: {joined_lines(error)}") from error


def download_model(name: str, folder: Path) -> Path:
    """Download a model's artifact, if its version is not in the folder yet, and return the checkpoint.

    Args:
        name: `<entity>/<project>/<model>:<version or alias>`; without the last part `best`.
        folder: each version gets a folder of its own in it.

    Raises:
        ValueError: the name has another form, W&B cannot be reached, or there is no such artifact with a checkpoint.
    """
    setting = f"checkpoint=wandb:{name}"
    if not re.fullmatch(r"[^/:\s]+/[^/:\s]+/[^/:\s]+(:[^/:\s]+)?", name) or ".." in re.split("[/:]", name):
        raise ValueError(f"{setting} must be wandb:<entity>/<project>/<model>:<version or alias, such as best>")
    api = open_api(setting)
    try:
        artifact = api.artifact(name if ":" in name else f"{name}:best")
        version = folder / name.partition(":")[0] / artifact.version
        if not version.exists():
            part = version.with_name(f".{version.name}-{uuid.uuid4().hex}")  # of two downloads neither sees half
            try:
                artifact.download(root=str(part), skip_cache=True)
                part.rename(version)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except Exception as error:  # the library raises nearly anything
        raise ValueError(f"{setting} cannot be downloaded from W&B: {joined_lines(error)}") from error
    files = sorted(version.glob("*.pt"))
    if len(files) != 1:
        raise ValueError(f"{setting} holds {len(files)} checkpoints; give an artifact with one .pt file")
    return files[0]
