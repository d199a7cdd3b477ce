"""The provenance of a comparison: its data, and the commands that repeat the runs and failed jobs."""

import os
import shlex

from multimodal.comparison.run import Failure, Run
from multimodal.comparison.table import DASH, Table, as_cells, cell
from multimodal.errors import one_line

SPLITS = ("train", "validation", "test")
SCRIPT = ("python", "scripts/run.py")


def data_table(groups: dict[str, list[Run]]) -> Table:
    """Return the table of data sources, fingerprints, numbers of samples, and test images that are nearly in train."""
    cells = []
    for title, (run, *_) in groups.items():
        cells.append(cell(title, run.dataset, "source", run.source))
        cells.append(cell(title, run.dataset, "fingerprint", run.fingerprint))
        for split, count in split_sizes(run).items():
            cells.append(cell(title, run.dataset, split, DASH if count is None else str(count), count))
        found = near_duplicate_count(run)
        cells.append(cell(title, run.dataset, "test nearly in train", DASH if found is None else str(found), found))
    return Table("Data", "dataset", as_cells(cells), [], ("source", "fingerprint"))


def near_duplicate_count(run: Run) -> int | None:
    """Return how many test images are nearly equal to a training image, None if the data card does not say."""
    return run.card.get("near_duplicate_counts", {}).get("test_in_train")


def split_sizes(run: Run) -> dict[str, int | None]:
    """Return {split: number of samples}, None if the folder has no data card."""
    classes = run.card.get("classes", {})
    return {name: sum(classes[name].values()) if name in classes else None for name in SPLITS}


def run_commands(runs: list[Run]) -> dict[str, str]:
    """Return {run folder: the command that repeats it}."""
    return {one_line(run.folder.name): run_command(run) for run in runs}


def run_command(run: Run) -> str:
    """Return the command that repeats a run, with the data source that `auto` resolved to."""
    overrides = run.config["overrides"]
    explicit = any(o.lstrip("+").startswith(("dataset.source=", "dataset.path=")) for o in overrides)
    source = [] if explicit or run.source not in ("hub", "embedded") else [f"dataset.source={run.source}"]
    place = f"output_dir={run.folder}"  # a sweep's output_dir is the folder of all its runs
    return command([*SCRIPT, *(place if o.startswith("output_dir=") else o for o in overrides), *source])


def failed_command(failure: Failure) -> str:
    """Return the command of a job that failed."""
    return command([*SCRIPT, *(["-m"] if failure.multirun else []), *failure.overrides])


def command(words: list[str]) -> str:
    """Quote the words of a command for a shell, in one line."""
    return " ".join(map(quoted, words))


def quoted(word: str) -> str:
    r"""Quote a word for a shell; where it holds a line break or another control character, as bash's $'…'.

    >>> print(quoted("text=a\nb"))
    $'text=a\x0ab'
    """
    if word == one_line(word):
        return shlex.quote(word)
    characters = (
        f"\\{c}" if c in "\\'" else c if c == one_line(c) else "".join(f"\\x{byte:02x}" for byte in os.fsencode(c))
        for c in word
    )
    return f"$'{''.join(characters)}'"
