"""Publish a comparison: copy its results into the repository, and write the README's tables from them.

python scripts/publish.py runs/fusion_comparison   # into .github/results/fusion_comparison, then the README
python scripts/publish.py                          # the README alone, from what is published
"""

import json
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from omegaconf import OmegaConf

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".github" / "results"
PARTS = ("report.csv", "forest.png")  # of a comparison
LIBRARIES = ("torch", "torchvision", "numpy", "datasets", "scikit-learn")
BLOCK = re.compile(r"(<!-- results (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
PRIMARY = "accuracy with both"
COLUMNS = {  # of the table of all comparisons: {its name: ours}
    "paired seeds": "n",
    "difference": "difference",
    "95 % interval over seeds": "interval",
    "verdict": "verdict",
}


def publish(folder: Path) -> Path:
    """Copy the results of a sweep's folder, with the command and the versions that made them.

    Raises:
        ValueError: the folder has no comparison.
    """
    absent = [name for name in (*PARTS, "multirun.yaml") if not (folder / name).exists()]
    if absent:
        raise ValueError(f"{folder} has no {', '.join(absent)}: give the folder of a sweep that ended in a report")
    target = RESULTS / folder.resolve().name
    target.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        shutil.copyfile(folder / name, target / name)
    overrides = OmegaConf.load(folder / "multirun.yaml").hydra.overrides.task
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    made = {
        "command": f"python scripts/run.py -m {' '.join(map(str, overrides))}",
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }
    (target / "provenance.json").write_text(json.dumps(made, indent=1) + "\n")
    return target


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
    return rows.pivot(index="data", columns="line", values="text")[list(dict.fromkeys(rows.line))]


def results_table(report: pd.DataFrame) -> str:
    """Format accuracies, and each difference from the reference with its verdict, as a Markdown table."""
    table = accuracy_table(report).loc[lambda t: list(dict.fromkeys(report.data.dropna()[report.data.isin(t.index)]))]
    for line, own in comparisons(report).groupby("line", sort=False):
        if line.endswith(" − concat"):
            told = own.set_index("data")
            table[line] = told.difference + " " + told.interval + ", n = " + told.n + ": " + told.verdict
    rows = [["data", *table], ["---"] * (1 + len(table.columns)), *table.fillna("–").reset_index().to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def with_results(readme: str, results: Path) -> str:
    """Return the README with every block of results made again from the published files."""

    def block(match: re.Match[str]) -> str:
        folder = results / match[2]
        made = json.loads((folder / "provenance.json").read_text())
        table = results_table(pd.read_csv(folder / "report.csv"))
        return f"{match[1]}{table}\n\n`{made['command']}`\n{match[3]}"

    return BLOCK.sub(block, readme)


def main(arguments: list[str]) -> None:
    """Publish the folders that are given, and write the README."""
    for folder in arguments:
        print(publish(Path(folder)))
    readme = ROOT / "README.md"
    readme.write_text(with_results(readme.read_text(), RESULTS))


if __name__ == "__main__":
    main(sys.argv[1:])
