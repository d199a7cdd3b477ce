"""Read the samples from the Hugging Face hub, from a folder, or from the set embedded in this package."""

import hashlib
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path

import datasets
import huggingface_hub
from datasets import Dataset, DatasetDict
from datasets.packaged_modules.imagefolder.imagefolder import ImageFolder

from multimodal.checks import check_one_of
from multimodal.connectivity import answers
from multimodal.dataset.reading.content import file_digest
from multimodal.dataset.reading.rows import MAX_LISTED
from multimodal.dataset.reading.tables import TABLES, read_tables
from multimodal.errors import first_line

log = logging.getLogger(__name__)

PROBE_SECONDS = 3.0
NO_DATA = (
    "is not a save_to_disk folder, parquet, or an image folder with metadata.csv or metadata.jsonl, nor CSV, TSV, JSON "
    "or JSON lines"
)
PARQUET = ".parquet"
COMPRESSED = {".gz": "gunzip", ".bz2": "bunzip2", ".xz": "unxz", ".zst": "unzstd", ".zip": "unzip"}
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")  # as `datasets` names them
SOURCES = ("auto", "path", "hub", "embedded")


def read_source(
    source: str, path: str | None, hub_id: str | None, embedded: Callable[[], DatasetDict] | None
) -> tuple[DatasetDict, str, str | None]:
    """Read the splits of a dataset.

    Args:
        source: `hub`, `path`, `embedded`, or `auto`: the path if one is given, else the hub if it answers within
            3 seconds or its cache has the data, else the embedded set, with a warning.
        path: a folder or file for `path` and `auto`, see `read_path`, or None.
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


def read_path(path: str) -> DatasetDict:
    """Read a `save_to_disk` folder; a Parquet, CSV, TSV, JSON or JSON lines file; or a folder of such files.

    In a folder, a `metadata` file beside pictures names them in its column `file_name`. Files belong to the splits that
    their names or folders say, as `datasets` reads them.

    Raises:
        ValueError: the path does not exist or is none of these.
    """
    given = Path(path).expanduser()
    if not given.exists():
        raise ValueError(
            f"dataset.path: there is no {path} (looked for {given.absolute()}); set it to the folder of the "
            "data, or use dataset.source=embedded, which needs no folder"
        )
    place = given.resolve()  # `datasets` reads no folder that is called "."
    check_name(place)
    if place.is_file():
        check_uncompressed([place])
    if place.is_file() and place.suffix.lower() not in (PARQUET, *TABLES):
        raise ValueError(
            f"dataset.path: {path} {NO_DATA} (a file that ends in {', '.join((PARQUET, *TABLES))}, is wanted)"
        )
    try:
        if (place / "dataset_dict.json").exists() or (place / "state.json").exists():
            data = datasets.load_from_disk(str(place))
            return DatasetDict(train=data) if isinstance(data, Dataset) else data
        files = split_files(place)
        check_uncompressed([file for listed in files.values() for file in listed])
        tables = {split: tables_of(listed) for split, listed in files.items()}
        if any(tables.values()):
            warn_of_unread(place, tables)
            return DatasetDict({split: read_tables(listed) for split, listed in tables.items() if listed})
        if not any(file.suffix.lower() == PARQUET for listed in files.values() for file in listed):
            check_uncompressed(sorted(place.rglob("*")))  # perhaps the table of these pictures
        given_files = [file for listed in files.values() for file in listed]
        if given_files and all(file.suffix.lower() in ImageFolder.EXTENSIONS for file in given_files):
            beside = sorted(place.rglob(f"*{PARQUET}"))
            if beside:  # `datasets` reads the kind of which there are more files
                raise ValueError(
                    f"dataset.path: {path} has more pictures than parquet files, and {beside[0]} would not be read; "
                    f"take the pictures out of the folder, or give dataset.path={beside[0]}"
                )
            raise ValueError(
                f"dataset.path: {path} has pictures and no table of their captions; put a metadata.csv or "
                "metadata.jsonl beside them, with a line for each: file_name, label, caption"
            )
        warn_of_unread(place, files)
        return load_files(place, given_files)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        if str(error).startswith("dataset.path: "):
            raise
        raise ValueError(f"dataset.path: {path} {NO_DATA} ({first_line(error)})") from error


def check_name(place: Path) -> None:
    """Raise ValueError if a path is no text of Unicode, which Arrow, and so `datasets`, cannot hold."""
    name = str(place)
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        encoding = sys.getfilesystemencoding()
        reason = (
            "the name is not in UTF-8; rename it"
            if encoding == "utf-8"
            else f"this process reads names of files as {encoding}; set PYTHONUTF8=1, or LC_ALL to a locale of UTF-8"
        )
        raise ValueError(f"dataset.path: {name.encode(errors='backslashreplace').decode()} cannot be read: {reason}")


def check_uncompressed(files: list[Path]) -> None:
    """Raise ValueError if one of the files is a compressed table or parquet file."""
    for file in files:
        if file.suffix.lower() in COMPRESSED and set(endings(file)) & {PARQUET, *TABLES}:
            raise ValueError(
                f"dataset.path: {file} is compressed, which is not read; decompress it "
                f"({COMPRESSED[file.suffix.lower()]} {file.name})"
            )


def warn_of_unread(place: Path, read: dict[str, list[Path]]) -> None:
    """Log one line that names files of data in the folder which are not read, and splits without a table."""
    if place.is_file():
        return
    used = {file.resolve() for listed in read.values() for file in listed}
    found = [file for file in sorted(place.rglob("*")) if set(endings(file)) & {PARQUET, *TABLES}]
    unread = [str(file.relative_to(place)) for file in found if file.resolve() not in used]
    unread += [f"the pictures of split {split}, which have no table" for split, listed in read.items() if not listed]
    if unread:
        more = f" and {len(unread) - MAX_LISTED} more" if len(unread) > MAX_LISTED else ""
        log.warning("dataset.path: %s: not read: %s%s", place, ", ".join(unread[:MAX_LISTED]), more)


def endings(file: Path) -> list[str]:
    """Return the suffix of a file, of a compressed one also that before it, in lower case."""
    suffix = file.suffix.lower()
    return [suffix, Path(file.stem).suffix.lower()] if suffix in COMPRESSED else [suffix]


def split_files(place: Path) -> dict[str, list[Path]]:
    """List the data files of each split.

    A file by itself, and a metadata file that lies directly in the folder, is the split `train`.
    """
    if place.is_file():
        return {"train": [place]}
    metadata = [place / name for name in METADATA if (place / name).is_file()]
    if len(metadata) > 1:
        raise ValueError(
            f"dataset.path: {place} holds {' and '.join(file.name for file in metadata)}; keep one of them"
        )
    if metadata:
        return {"train": metadata}
    files = datasets.load_dataset_builder(str(place)).config.data_files
    return {str(split): [Path(file) for file in listed] for split, listed in files.items()}


def tables_of(files: list[Path]) -> list[Path]:
    """Return the files that `read_tables` reads: the metadata files if there are any, else all tables."""
    tables = [file for file in files if file.suffix.lower() in TABLES and file.is_file()]
    return [file for file in tables if file.name in METADATA] or tables


def load_files(place: Path, files: list[Path]) -> DatasetDict:
    """Read Parquet and what else `datasets` reads, into a cache of this content.

    By itself `datasets` keeps what it read by the date of the files.
    """
    digest = hashlib.blake2b(str(place).encode(errors="surrogateescape"), digest_size=16)
    for file in files:
        if file.suffix.lower() not in ImageFolder.EXTENSIONS:  # of pictures only the path is kept
            digest.update(file_digest(str(file)))
    cache = Path(datasets.config.HF_DATASETS_CACHE) / "multimodal" / digest.hexdigest()
    if place.is_file():
        return datasets.load_dataset("parquet", data_files=str(place), cache_dir=str(cache))
    return datasets.load_dataset(str(place), cache_dir=str(cache))


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


def folder_of(path: str) -> Path:
    """Return the folder that relative image paths of the data at `path` start from: itself, or that of a file."""
    place = Path(path).expanduser().resolve()
    return place.parent if place.is_file() else place
