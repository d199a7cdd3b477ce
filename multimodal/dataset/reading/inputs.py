"""Read the samples that a trained model is to answer: a folder of images, captions, or a table of both.

| `samples` | read as |
|---|---|
| a folder | all images in it and in its folders, by name; hidden ones (`.x.png`) are left out |
| a file `.txt` | a caption a line |
| a file `.csv` or `.tsv` | the columns `image`, paths from the table's folder, and `caption`; an empty cell is none |
| such a file of a dataset | `file_name` stands for `image`, `label` and `split` are not read |
| `-` | standard input, a caption a line |
"""

import logging
import sys
from pathlib import Path
from typing import NamedTuple

from datasets.packaged_modules.imagefolder.imagefolder import ImageFolder

from multimodal.dataset.reading.captions import MissingCommas, written_list
from multimodal.dataset.reading.labels import seen
from multimodal.dataset.reading.rows import MAX_LISTED
from multimodal.dataset.reading.tables import DELIMITERS, decode_text, read_delimited, read_text
from multimodal.paths import expanded

log = logging.getLogger(__name__)

SETTING = "samples"
STANDARD_INPUT = "-"
COLUMNS = ("image", "file_name", "caption", "label", "split")
WANTED = "a folder of images, captions in a file that ends in .txt, a table that ends in .csv or .tsv, or - is wanted"


class InputRow(NamedTuple):
    """A sample without a label; one of the two may be missing.

    Args:
        image: the image's path as it was given.
        caption: its text.
        file: the image's path.
    """

    image: str | None
    caption: str | None
    file: Path | None


def read_inputs(samples: str) -> list[InputRow]:
    """Read the list of samples; of images only the names.

    Args:
        samples: a folder, a file, or `-`, see above.

    Raises:
        ValueError: there is no such file, it is none of these, has no samples, or has rows without a usable one.
    """
    if samples == STANDARD_INPUT:
        return checked_rows(captions_of(decode_text(sys.stdin.buffer.read(), "standard input", SETTING)), samples)
    place = expanded(samples)
    if place.is_dir():
        return images_in(place)
    if not place.is_file():
        raise ValueError(f"{SETTING}: there is no {place}; {WANTED}")
    if place.suffix.lower() == ".txt":
        return checked_rows(captions_of(read_text(place, SETTING)), samples)
    if place.suffix.lower() not in DELIMITERS:
        advice = f"; image={samples} is one image" if place.suffix.lower() in ImageFolder.EXTENSIONS else ""
        raise ValueError(f"{SETTING}: {place} is not read: {WANTED}{advice}")
    return checked_rows(table_rows(place), samples)


def captions_of(text: str) -> list[InputRow]:
    """Return a sample for each line; an empty one is kept."""
    return [InputRow(None, line.removesuffix("\r"), None) for line in text.removesuffix("\n").split("\n")]


def images_in(folder: Path) -> list[InputRow]:
    """Return a sample for each image in a folder; other files are logged as a warning.

    Raises:
        ValueError: there is no image.
    """
    found = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    names = sorted(name for name in found if not any(part.startswith(".") for part in name.parts))
    images = [name for name in names if name.suffix.lower() in ImageFolder.EXTENSIONS]
    others = [str(name) for name in names if name.suffix.lower() not in ImageFolder.EXTENSIONS]
    if not images:
        raise ValueError(f"{SETTING}: {folder} has no image; {WANTED}")
    if others:
        log.warning("%s: %s: not read: %s", SETTING, folder, listed(others, ", "))
    return [InputRow(str(name), None, folder / name) for name in images]


def table_rows(file: Path) -> list[InputRow]:
    """Return a sample for each row of a table.

    Raises:
        ValueError: it has another column than those above, or cannot be read.
    """
    table = read_delimited(file, SETTING)
    unknown = [name for name in table[0] if name not in COLUMNS]
    if unknown:
        raise ValueError(
            f"{SETTING}: {file} has the column {unknown[0]!r:.80}; the columns image (or file_name) and caption are "
            "read: rename it, or take it out"
        )
    if "image" in table[0] and "file_name" in table[0]:
        raise ValueError(f"{SETTING}: {file} has the columns image and file_name, which mean the same: take one out")
    rows = []
    for row in table:
        image = row.get("image", row.get("file_name"))
        rows.append(InputRow(image, row.get("caption"), None if image is None else file.parent / expanded(image)))
    return rows


def checked_rows(rows: list[InputRow], samples: str) -> list[InputRow]:
    """Return the rows; raise ValueError, listing the first bad ones, if one has nothing that a model could read."""
    problems = {number: problem_of(row) for number, row in enumerate(rows)}
    bad = [f"row {number}: {problem}" for number, problem in problems.items() if problem is not None]
    if bad:
        where = "standard input" if samples == STANDARD_INPUT else samples
        count = f"{len(bad)} bad row{'' if len(bad) == 1 else 's'} of {len(rows)}, counted from 0"
        raise ValueError(f"{SETTING}: {count}, in {where}: {listed(bad, '; ')}; mend them, or take them out")
    return rows


def problem_of(row: InputRow) -> str | None:
    """Return why a row cannot be answered, as far as its names and texts tell; None if they do not."""
    if row.image is None and row.caption is None:
        return "neither image nor caption is given"
    if row.caption is not None and not seen(row.caption):
        return "caption is empty"
    if row.caption is not None and is_list(row.caption):
        return "caption is a list of several: give each a row of its own"
    if row.file is not None and not is_file(row.file):
        return f"there is no file {row.file}"
    return None


def is_list(caption: str) -> bool:
    """Return whether a cell holds several captions, as the cells of a dataset may."""
    try:
        return written_list(caption) is not None
    except MissingCommas:
        return True


def is_file(path: Path) -> bool:
    """Return whether there is a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def listed(items: list[str], separator: str) -> str:
    """Join the first items, and count the others."""
    more = [f"and {len(items) - MAX_LISTED} more"] if len(items) > MAX_LISTED else []
    return separator.join([*items[:MAX_LISTED], *more])


def modalities_of(rows: list[InputRow]) -> list[str]:
    """Return the modalities that at least one sample has: `image`, `text`."""
    given = {"image": any(row.image is not None for row in rows), "text": any(row.caption is not None for row in rows)}
    return [name for name, present in given.items() if present]
