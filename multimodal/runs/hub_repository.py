"""Repositories of the Hugging Face hub that hold an exported model."""

from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from multimodal.connectivity import answers
from multimodal.errors import first_line
from multimodal.training.checkpoint_file import WEIGHTS

PROBE_SECONDS = 3.0


def download_weights(repository: str) -> Path:
    """Download the weights of a repository of the hub, or take them from its cache without a network.

    Raises:
        ValueError: the repository does not exist, has no checkpoint, or cannot be reached and is not in the cache.
    """
    check_repository("checkpoint", repository)
    try:
        folder = huggingface_hub.snapshot_download(
            repository, allow_patterns=[WEIGHTS], local_files_only=not hub_answers()
        )
    except LocalEntryNotFoundError as error:
        raise ValueError(
            f"checkpoint: the hub does not answer, and {repository} is not in its cache; download it where there is a "
            "network, or give a local folder"
        ) from error
    except Exception as error:  # of whatever library for HTTP the hub's client uses
        raise ValueError(f"checkpoint: {repository} cannot be read from the hub ({first_line(error)})") from error
    file = Path(folder) / WEIGHTS
    if not file.is_file():
        raise ValueError(f"checkpoint: {repository} has no {WEIGHTS}; give a repository that mode=export push= made")
    return file


def check_repository(setting: str, repository: str) -> None:
    """Raise ValueError unless a name is one of a repository with its owner."""
    try:
        validate_repo_id(repository)
        if repository.count("/") != 1:
            raise HFValidationError("the owner is missing")
    except HFValidationError as error:
        raise ValueError(f"{setting}: {repository!r:.200} is not <owner>/<repo> ({first_line(error)})") from error


def hub_answers() -> bool:
    """Return whether the hub can be asked: it answers within 3 seconds, and no setting forbids it."""
    constants = huggingface_hub.constants
    return not constants.HF_HUB_OFFLINE and answers(constants.ENDPOINT, PROBE_SECONDS)
