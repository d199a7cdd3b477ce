"""What a comparison says beside its measures: verdicts, failed jobs, data, and the commands that repeat it."""

import shlex
from pathlib import Path

from multimodal.comparison.pairwise_test import DIFFERING, MEASURES, SAMPLES, Verdict, conclusion
from multimodal.comparison.reading import Failure, Run
from multimodal.comparison.table import Cell, Line, Table
from multimodal.io import read_json

COLUMNS = ["measure", "paired seeds", "difference", "95 % interval over seeds", "over test samples", "p", "verdict"]
SCRIPT = ("python", "scripts/run.py")


def verdict_table(verdicts: dict[str, list[Verdict]], margin: float) -> Table:
    """Every comparison in numbers."""
    groups = {title: [verdict_line(v, margin) for v in own] for title, own in verdicts.items() if own}
    notes = [
        "1 point = 0.01. The intervals over seeds decide: they are what training again would change, each for itself. "
        "Those over test samples are what another test split would change; – where fewer than "
        f"{SAMPLES} samples, or fewer than {DIFFERING} that tell the fusions apart, are too few for one.",
        "p is adjusted by Holm's method within its family, on one dataset: the first measure, or all the others, of "
        "all pairs. Equivalence is two one-sided t tests, adjusted alike; one alone is the 90 % interval inside the "
        "margin.",
        "A t test cannot see what did not happen: a collapse of one run in twenty is likely in no six seeds.",
    ]
    return Table("All comparisons", "fusions", COLUMNS, groups, notes, ("measure", "verdict"))


def verdict_line(verdict: Verdict, margin: float) -> Line:
    """Differences in points, or in the unit of the measure."""
    measure = MEASURES[verdict.metric]

    def signed(value: float) -> str:
        return measure.signed(value, verdict.digits)

    def interval(low: float | None, high: float | None) -> Cell:
        if low is None or high is None:
            return Cell("–")
        return Cell(f"[{signed(low)}, {signed(high)}]", low)

    difference, p = verdict.difference, verdict.p
    said = verdict.sentence if difference is None else conclusion(verdict, margin)
    cells = [
        Cell(measure.words),
        Cell(str(verdict.n), verdict.n),
        Cell("–") if difference is None else Cell(f"{signed(difference)} {measure.unit}".strip(), difference),
        interval(verdict.low, verdict.high),
        interval(verdict.sample_low, verdict.sample_high),
        Cell("–") if p is None else Cell(f"{p:.3f}" if p >= 0.001 else "< 0.001", p),
        Cell(said, note=verdict.sentence),
    ]
    return Line(f"{verdict.first} − {verdict.second}", cells)


def data_table(groups: dict[str, list[Run]]) -> Table:
    """Where the data came from."""
    lines = {title: [data_line(runs[0])] for title, runs in groups.items()}
    return Table(
        "Data",
        "dataset",
        ["source", "fingerprint", "train", "validation", "test"],
        lines,
        [],
        ("source", "fingerprint"),
    )


def data_line(run: Run) -> Line:
    """Source, fingerprint, and how many samples; a folder without a data card does not say."""
    file = run.folder / "data_card.json"
    classes = read_json(file)["classes"] if file.exists() else {}
    counts = [sum(classes[name].values()) if name in classes else None for name in ("train", "validation", "test")]
    cells = [Cell("–") if count is None else Cell(str(count), count) for count in counts]
    return Line(run.dataset, [Cell(run.source), Cell(run.fingerprint), *cells])


def run_commands(folder: Path, runs: list[Run]) -> dict[str, str]:
    """{run folder: the command that repeats it}: from its config, or from the sweep's record of its job."""
    recorded = {}
    for file in sorted((folder / "jobs").glob("*.json")):
        record = read_json(file)
        if record["status"] == "finished":
            recorded[Path(record["folder"]).name] = record["overrides"]
    return {run.folder.name: run_command(run, recorded.get(run.folder.name)) for run in runs}


def run_command(run: Run, overrides: list[str] | None) -> str:
    """With the data source that `auto` resolved to, so that it is the same elsewhere."""
    overrides = run.config.get("overrides", overrides)
    if overrides is None:
        return f"# not recorded; {run.folder.name}/config.yaml is the resolved config"
    told = any(o.lstrip("+").startswith(("dataset.source=", "dataset.path=")) for o in overrides)
    source = [] if told or run.source not in ("hub", "embedded") else [f"dataset.source={run.source}"]
    place = f"output_dir={run.folder}"  # a sweep's own is the folder of all its runs
    return shlex.join([*SCRIPT, *(place if o.startswith("output_dir=") else o for o in overrides), *source])


def failed_command(failure: Failure) -> str:
    """The command of a job that failed."""
    return shlex.join([*SCRIPT, *(["-m"] if failure.multirun else []), *failure.overrides])
