"""LaTeX tables: what stands in them, and that a TeX engine reads them whatever the names are."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from multimodal.comparison.comparison import compare
from multimodal.comparison.latex import as_latex, latex_table, latex_text
from multimodal.comparison.reading import read_runs
from multimodal.comparison.table import DASH, Table, as_cells, cell
from multimodal.number_text import decimal_text
from tests.helpers.made_up_runs import make_run, make_sweep

SPECIAL = "&%$#_{}\\~^[*<>|\"±−↑↓–\u00a0'`-"
DOCUMENT = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs}\begin{document}%s\end{document}"


def odd_table() -> Table:
    """Names of special characters, a bold cell, a dash, a column without numbers, and a line without any."""
    cells = []
    for data in ("one", f"two {SPECIAL}"):
        for label, value in ((f"{SPECIAL} a", 0.5), (f"*{SPECIAL}", -0.25), ("nothing", None)):
            text = DASH if value is None else f"{decimal_text(value, 3)} ± 0.010"
            cells.append(cell(data, label, f"measure {SPECIAL} ↑", text, value, best=value == 0.5))
            cells.append(cell(data, label, "other", DASH))
    return Table("Caption %\n", "fusion", as_cells(cells), [])


def test_a_line_for_each_fusion_with_mean_and_deviation() -> None:
    lines = latex_table(odd_table(), odd_table().columns).splitlines()
    assert lines[1:3] == [r"\begin{tabular}{@{}lr@{}}", r"\toprule"]
    rows = [line for line in lines if line.endswith(r"\\") and "multicolumn" not in line]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [1] * 5  # heading, two lines in two groups
    assert rows[1].endswith(r" & \textbf{0.500 $\pm$ 0.010} \\")
    assert rows[2].startswith("{*}")
    assert rows[2].endswith(r" & $-$0.250 $\pm$ 0.010 \\")
    assert "nothing" not in "".join(lines)
    assert "other" not in "".join(lines)
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]


def test_every_special_character_is_escaped() -> None:
    text = latex_text(SPECIAL + "\n")
    bare = re.sub(r"\\[&%$#_{}]|\\text[a-z]+\{\}|\$(-|\\pm|\\uparrow|\\downarrow)\$|\{[\[*]\}|~", "", text)
    assert bare.strip() == "--'`-"


def test_a_report_has_the_quality_table_and_the_gain_of_its_runs(tmp_path: Path) -> None:
    make_sweep(tmp_path)
    for seed in range(2):
        make_run(tmp_path, "film", seed, metrics={"fusion/gain": 0.25 + 0.5 * seed})
    text = as_latex(compare(tmp_path, *read_runs(tmp_path), 0.01))
    assert text.count(r"\begin{tabular}") == 2
    assert "concat & 0.803 $\\pm$ 0.002 & 0.803 $\\pm$ 0.002" in text
    assert "toy & 0.50 \\\\" in text  # attention and concat have none, so they have no column
    assert "parameters" not in text  # too wide for a paper


def test_without_runs_there_is_no_table(tmp_path: Path) -> None:
    assert as_latex(compare(tmp_path, [], [], 0.01)) == ""


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on the path")
@pytest.mark.slow
def test_a_tex_engine_sets_it(tmp_path: Path) -> None:
    (tmp_path / "paper.tex").write_text(DOCUMENT % latex_table(odd_table(), odd_table().columns), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert "Missing character" not in (tmp_path / "paper.log").read_text(errors="replace")
