"""Upload an exported model to a repository of the Hugging Face hub."""

from pathlib import Path

import huggingface_hub

from multimodal.errors import first_line
from multimodal.runs.hub_repository import hub_answers


def create_repository(repository: str) -> None:
    """Create a repository for a model, unless there is one; so what forbids an upload is known before work starts.

    Raises:
        ValueError: there is no token, the hub does not answer, or it refuses.
    """
    if huggingface_hub.get_token() is None:
        raise ValueError("push needs a token of the Hugging Face hub that may write: hf auth login, or set HF_TOKEN")
    if not hub_answers():
        raise ValueError("push: the Hugging Face hub does not answer; mode=export without push= writes the files alone")
    try:
        huggingface_hub.create_repo(repository, exist_ok=True)
    except Exception as error:  # the hub's client changes the library for HTTP, which raises its own exceptions
        raise ValueError(f"push: the hub refuses {repository} ({first_line(error)})") from error


def push_files(folder: Path, names: list[str], repository: str) -> str:
    """Upload these files of a folder in one commit, and return the repository's address.

    Raises:
        ValueError: the upload failed; the files stay where they are.
    """
    try:
        huggingface_hub.upload_folder(
            repo_id=repository, folder_path=folder, allow_patterns=names, commit_message="Upload a model of mode=export"
        )
    except Exception as error:  # as above
        raise ValueError(
            f"push: {folder} was not uploaded to {repository} ({first_line(error)}); run the same command again"
        ) from error
    return f"{huggingface_hub.constants.ENDPOINT}/{repository}"
