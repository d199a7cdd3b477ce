"""The provenance of a comparison: its data, and the commands that repeat the runs and failed jobs."""

import shlex
from typing import Any

from multimodal.comparison.reading import Failure, Run
from multimodal.comparison.table import DASH, Table, as_cells, cell
from multimodal.io import read_json

SCRIPT = ("python", "scripts/run.py")
SPLITS = ("train", "validation", "test")


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


def data_card(run: Run) -> dict[str, Any]:
    """Return the run's data card; an empty one if the folder has none."""
    file = run.folder / "data_card.json"
    return read_json(file) if file.exists() else {}


def near_duplicate_count(run: Run) -> int | None:
    """Return how many test images are nearly equal to a training image, None if the data card does not say."""
    return data_card(run).get("near_duplicate_counts", {}).get("test_in_train")


def split_sizes(run: Run) -> dict[str, int | None]:
    """Return {split: number of samples}, None if the folder has no data card."""
    classes = data_card(run).get("classes", {})
    return {name: sum(classes[name].values()) if name in classes else None for name in SPLITS}


def run_commands(runs: list[Run]) -> dict[str, str]:
    """Return {run folder: the command that repeats it}."""
    return {run.folder.name: run_command(run) for run in runs}


def run_command(run: Run) -> str:
    """Return the command that repeats a run, with the data source that `auto` resolved to."""
    overrides = run.config["overrides"]
    explicit = any(o.lstrip("+").startswith(("dataset.source=", "dataset.path=")) for o in overrides)
    source = [] if explicit or run.source not in ("hub", "embedded") else [f"dataset.source={run.source}"]
    place = f"output_dir={run.folder}"  # a sweep's output_dir is the folder of all its runs
    return shlex.join([*SCRIPT, *(place if o.startswith("output_dir=") else o for o in overrides), *source])


def failed_command(failure: Failure) -> str:
    """Return the command of a job that failed."""
    return shlex.join([*SCRIPT, *(["-m"] if failure.multirun else []), *failure.overrides])
