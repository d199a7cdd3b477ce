"""The provenance of a comparison: its data, and the commands that repeat the runs and failed jobs."""

from multimodal.comparison.run import Failure, Run
from multimodal.comparison.table import DASH, Table, as_cells, cell
from multimodal.errors import one_line
from multimodal.runs.command import SCRIPT, command, repeating_command

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
    """Return the command that repeats a run."""
    return repeating_command(run.config["overrides"], run.source, run.folder)


def failed_command(failure: Failure) -> str:
    """Return the command of a job that failed."""
    return command([*SCRIPT, *(["-m"] if failure.multirun else []), *failure.overrides])
