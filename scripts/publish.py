"""Publish a comparison: copy its results into the repository, and write the tables of two pages from them.

python scripts/publish.py runs/fusion_comparison   # into .github/results/fusion_comparison, then the pages
python scripts/publish.py                          # the pages alone, from what is published

README.md and .github/results/README.md have a table where they say `<!-- results fusion_comparison -->` and, below
it, `<!-- end -->`: accuracies and differences, a row for each task; or, by `<!-- accuracies fusion_zoo -->`, accuracies
alone, a row for each fusion, by `<!-- measures contrastive -->` every accuracy, a row for each line, and by
`<!-- generation contrastive -->` the measures of captions and drawings.
Publish from an environment with the versions of the sweep; `--commit` names the one that made its runs, if another is
checked out.
"""

import argparse
import json
import platform
import re
import shlex
import shutil
import subprocess
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".github" / "results"
PAGES = (ROOT / "README.md", RESULTS / "README.md")
REPORT = "report.csv"
PARTS = (REPORT, "forest.png")  # of a comparison
PLACES = ("output_dir=", "cache_dir=", "tracking=")  # settings of a machine, which change no result
PLACE = r" '?(?:output_dir|cache_dir)=\S+"
LIBRARIES = ("torch", "torchvision", "numpy", "datasets", "scikit-learn", "timm", "transformers", "tokenizers")
BLOCK = re.compile(r"(<!-- (results|accuracies|measures|generation) (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
PRIMARY = "accuracy with both"
DASH = "–"  # of a measure that a line does not have
COLUMNS = {  # of the table of all comparisons: {its name: ours}
    "paired seeds": "n",
    "difference": "difference",
    "95 % interval over seeds": "interval",
    "verdict": "verdict",
}


def publish(folder: Path, commit: str = "HEAD") -> Path:
    """Copy the results of a sweep's folder, with the command of its last sweep, the commit and the versions.

    Args:
        folder: of the sweep.
        commit: what made the runs; with uncommitted changes HEAD is marked as dirty.

    Raises:
        ValueError: the folder has no comparison, or no page a place for its table.
    """
    absent = [name for name in (*PARTS, "multirun.yaml") if not (folder / name).exists()]
    if absent:
        raise ValueError(f"{folder} has no {', '.join(absent)}: give the folder of a sweep that ended in a report")
    target = RESULTS / folder.resolve().name
    if target.name not in {name for page in PAGES for _, _, name, _ in BLOCK.findall(page.read_text(encoding="utf-8"))}:
        lines = f"<!-- results {target.name} --> and <!-- end -->"
        raise ValueError(f"README.md or .github/results/README.md needs the lines {lines} around its table")
    target.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        shutil.copyfile(folder / name, target / name)
    hide_places(target / REPORT)
    overrides = yaml.safe_load((folder / "multirun.yaml").read_text())["hydra"]["overrides"]["task"]
    settings = [override for override in overrides if not override.startswith(PLACES)]
    which = ["--dirty"] if commit == "HEAD" else [commit]
    describe = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", *which]
    described = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=True)
    made = {
        "command": shlex.join(["python", "scripts/run.py", "-m", *settings]),
        "commit": described.stdout.strip(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }
    (target / "provenance.json").write_text(json.dumps(made, indent=1) + "\n")
    return target


def hide_places(report: Path) -> None:
    """Take out of the commands in a report the folders of the machine that made it."""
    table = pd.read_csv(report, dtype=str, keep_default_na=False)
    table["text"] = table.text.str.replace(PLACE, "", regex=True)
    table.to_csv(report, index=False)


def comparisons(report: pd.DataFrame) -> pd.DataFrame:
    """Return the tests of the primary measure, a row each: data, line, n, difference, interval, verdict."""
    rows = report[report.table == "All comparisons"]
    number = (rows.column == "measure").cumsum()  # a test's rows begin with its measure
    tests = rows.assign(number=number).pivot(index=["number", "data", "line"], columns="column", values="text")
    own = tests[tests.measure == PRIMARY].rename(columns=COLUMNS).reset_index()
    return own[["data", "line", *COLUMNS.values()]]


def accuracy_table(report: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy with both modalities: data by fusion, `mean ± s.d.`."""
    rows = report[(report.table == "Quality") & report.column.str.startswith(PRIMARY, na=False)]
    table = rows.pivot(index="data", columns="line", values="text")
    return table.loc[list(dict.fromkeys(rows.data)), list(dict.fromkeys(rows.line))]


def results_table(report: pd.DataFrame) -> str:
    """Format accuracies, and each difference from the reference with its verdict, as a Markdown table."""
    table = accuracy_table(report)
    for line, own in comparisons(report).groupby("line", sort=False):
        if line.endswith(" − concat"):
            told = own.set_index("data")
            table[line] = told.difference + " " + told.interval + ", n = " + told.n + ": " + told.verdict
    return as_markdown(table.reset_index())


def transposed_table(report: pd.DataFrame) -> str:
    """Format accuracies, a row for each line and a column for each data, as a Markdown table."""
    return as_markdown(accuracy_table(report).T.reset_index())


def measures_table(report: pd.DataFrame, title: str = "Quality") -> str:
    """Format what any line of a table of the report has, a row for each line of each data, as a Markdown table."""
    rows = report[report.table == title]
    table = rows.pivot(index=["data", "line"], columns="column", values="text")
    order = list(dict.fromkeys(zip(rows.data, rows.line, strict=True)))
    table = table.loc[order, list(dict.fromkeys(rows.column))]
    return as_markdown(table.loc[:, table.fillna(DASH).ne(DASH).any()].reset_index())


def as_markdown(table: pd.DataFrame) -> str:
    """Format a table of texts."""
    rows = [list(table), ["---"] * len(table.columns), *table.fillna(DASH).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


TABLES = {
    "results": results_table,
    "accuracies": transposed_table,
    "measures": measures_table,
    "generation": partial(measures_table, title="Generation and retrieval"),
}


def with_results(page: str, results: Path) -> str:
    """Return a page with every block of results made again from the published files; ValueError if one has none."""

    def block(match: re.Match[str]) -> str:
        folder = results / match[3]
        if not folder.is_dir():
            raise ValueError(f"a page shows the results of {match[3]}, but nothing is published in {folder}")
        made = json.loads((folder / "provenance.json").read_text())
        table = TABLES[match[2]](pd.read_csv(folder / REPORT))
        return f"{match[1]}{table}\n\n`{made['command']}` (commit {made['commit'][:7]})\n{match[4]}"

    return BLOCK.sub(block, page)


def main() -> None:
    """Publish the folders that are given, and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="folders of sweeps that ended in a report")
    parser.add_argument("--commit", default="HEAD", help="that made their runs, if it is not the one checked out")
    given = parser.parse_args()
    try:
        for folder in given.folders:
            print(publish(folder, given.commit))
        for page in PAGES:
            page.write_text(with_results(page.read_text(encoding="utf-8"), RESULTS), encoding="utf-8")
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
