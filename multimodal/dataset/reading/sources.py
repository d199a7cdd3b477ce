"""Where samples come from: the hub, a folder, or the set that is embedded in this package."""

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
    """(splits, the source they came from in the end, its revision where it has one).

    Args:
        source: `hub`, `path`, `embedded`, or `auto`: the path if there is one, else the hub if it
            answers within 3 seconds or its cache has the data, else the embedded set, with a warning.
        path: a folder for `path` and `auto`, or None.
        hub_id: the repository's name; None for data that is not on the hub.
        embedded: makes the embedded set; None for data that has none.

    Raises:
        ValueError: the source is not known, is not one of this dataset's, or cannot be read.
    """
    check_one_of("dataset", SOURCES, source=source)
    if source == "path" and path is None:
        raise ValueError("dataset.source=path needs dataset.path=<folder>")
    if source == "path" or (source == "auto" and path is not None):
        return read_path(path), "path", None
    if source == "hub" and hub_id is None:
        raise ValueError("dataset.source=hub needs dataset.hub_id=<owner/name>")
    if embedded is None and (source == "embedded" or hub_id is None):
        raise ValueError(f"dataset.source={source}: this dataset has no embedded set; give dataset.path=<folder>")
    if source == "embedded" or hub_id is None:
        return embedded(), "embedded", None
    try:
        splits = read_hub(hub_id)
        return splits, "hub", revision_of(splits)
    except Exception as error:  # each library under the hub's client has errors of its own
        if source == "hub" or embedded is None:
            raise ValueError(
                f"{hub_id} could not be read from the hub ({first_line(error)}); "
                "dataset.source=path dataset.path=<folder> reads a copy"
                + ("" if embedded is None else ", dataset.source=embedded needs no download")
            ) from error
        log.warning("%s could not be read from the hub (%s): using the EMBEDDED set instead", hub_id, first_line(error))
    return embedded(), "embedded", None


def revision_of(splits: DatasetDict) -> str | None:
    """The commit that the hub's files were downloaded at: `datasets` names the folder in its cache by it."""
    files = [file["filename"] for part in splits.values() for file in part.cache_files]
    found = [re.search(r"[/\\]([0-9a-f]{40})[/\\]", file) for file in files]
    return next((match[1] for match in found if match), None)


def first_line(error: Exception) -> str:
    """An error in one line."""
    return str(error).strip().split("\n")[0] or type(error).__name__


def read_path(path: str) -> DatasetDict:
    """A `save_to_disk` folder, parquet, or an image folder with `metadata.csv` or `.jsonl`."""
    folder = Path(path)
    if not folder.exists():
        raise ValueError(
            f"dataset.path: there is no {path} (looked for {folder.absolute()}); give the folder of the data, or "
            "dataset.source=embedded, which needs none"
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
    """Downloads, or reads the cache when the hub does not answer."""
    constants = huggingface_hub.constants
    url = f"{constants.ENDPOINT}/datasets/{repository}/resolve/main/README.md"  # what the client asks for first
    if not constants.HF_HUB_OFFLINE and answers(url, PROBE_SECONDS):
        return datasets.load_dataset(repository)
    was = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:  # offline, `datasets` looks in its cache at once instead of retrying for 20 seconds
        return datasets.load_dataset(repository)
    except (OSError, ValueError) as error:
        raise OSError("it did not answer within 3 s and is not in the cache") from error
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = was
