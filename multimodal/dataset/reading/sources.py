"""Read the samples from the Hugging Face hub, from a folder, or from the set embedded in this package."""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import datasets
import huggingface_hub
from datasets import Dataset, DatasetDict

from multimodal.checks import check_one_of
from multimodal.connectivity import answers

log = logging.getLogger(__name__)

PROBE_SECONDS = 3.0
SOURCES = ("auto", "path", "hub", "embedded")


def read_source(
    source: str, path: str | None, hub_id: str | None, embedded: Callable[[], DatasetDict] | None
) -> tuple[DatasetDict, str, str | None]:
    """Read the splits of a dataset.

    Args:
        source: `hub`, `path`, `embedded`, or `auto`: the path if one is given, else the hub if it answers within
            3 seconds or its cache has the data, else the embedded set, with a warning.
        path: a folder or Parquet file for `path` and `auto`, or None.
        hub_id: name of the repository; None for data that is not on the hub.
        embedded: function that makes the embedded set; None for data that has none.

    Returns:
        The splits; the source that was read, `hub`, `path` or `embedded`; and the hub's commit, or None.

    Raises:
        ValueError: the source is unknown, not available for this dataset, or cannot be read.
    """
    check_one_of("dataset", SOURCES, source=source)
    if source == "path" and path is None:
        raise ValueError("dataset.source=path needs dataset.path=<folder>")
    if path is not None and source in ("path", "auto"):
        return read_path(path), "path", None
    if source == "hub" and hub_id is None:
        raise ValueError("dataset.source=hub needs dataset.hub_id=<owner/name>")
    if source == "embedded" or hub_id is None:
        if embedded is None:
            raise ValueError(f"dataset.source={source}: this dataset has no embedded set; set dataset.path=<folder>")
        return embedded(), "embedded", None
    try:
        splits = read_hub(hub_id)
        return splits, "hub", revision_of(splits)
    except Exception as error:  # every library that the hub's client uses raises its own exceptions
        if source == "hub" or embedded is None:
            raise ValueError(
                f"{hub_id} could not be read from the hub ({first_line(error)}); "
                "set dataset.source=path dataset.path=<folder> to read a local copy"
                + ("" if embedded is None else ", or dataset.source=embedded, which needs no download")
            ) from error
        log.warning("%s could not be read from the hub (%s): using the EMBEDDED set instead", hub_id, first_line(error))
        return embedded(), "embedded", None


def revision_of(splits: DatasetDict) -> str | None:
    """Return the hub's commit, which is part of the cache folder's name in `datasets`; None if there is none."""
    files = [file["filename"] for part in splits.values() for file in part.cache_files]
    matches = [re.search(r"[/\\]([0-9a-f]{40})[/\\]", file) for file in files]
    return next((match[1] for match in matches if match), None)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the name of its type if the message is empty."""
    return str(error).strip().split("\n")[0] or type(error).__name__


def read_path(path: str) -> DatasetDict:
    """Read a `save_to_disk` folder, Parquet, or an image folder with `metadata.csv` or `metadata.jsonl`.

    Raises:
        ValueError: the path does not exist or is none of these.
    """
    folder = Path(path)
    if not folder.exists():
        raise ValueError(
            f"dataset.path: there is no {path} (looked for {folder.absolute()}); set it to the folder of the "
            "data, or use dataset.source=embedded, which needs no folder"
        )
    if (folder / "dataset_dict.json").exists() or (folder / "state.json").exists():
        data = datasets.load_from_disk(str(folder))
    else:
        try:
            if folder.suffix == ".parquet":
                data = datasets.load_dataset("parquet", data_files=str(folder))
            else:
                data = datasets.load_dataset(str(folder))
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
            raise ValueError(
                f"dataset.path: {path} is not a save_to_disk folder, parquet, or an image folder with "
                f"metadata.csv or metadata.jsonl ({first_line(error)})"
            ) from error
    return DatasetDict(train=data) if isinstance(data, Dataset) else data


def read_hub(repository: str) -> DatasetDict:
    """Download a dataset from the hub, or read it from the cache if the hub does not answer within 3 seconds.

    Raises:
        OSError: the hub does not answer and the cache does not have the data.
    """
    constants = huggingface_hub.constants
    url = f"{constants.ENDPOINT}/datasets/{repository}/resolve/main/README.md"  # the client's first request
    if not constants.HF_HUB_OFFLINE and answers(url, PROBE_SECONDS):
        return datasets.load_dataset(repository)
    previous = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:  # offline, `datasets` looks in its cache at once instead of retrying for 20 seconds
        return datasets.load_dataset(repository)
    except (OSError, ValueError) as error:
        raise OSError("it did not answer within 3 s and is not in the cache") from error
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = previous
