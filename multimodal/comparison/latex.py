"""Tables of a comparison for a paper: LaTeX with the rules of the package booktabs."""

import textwrap

from multimodal.comparison.comparison import Comparison
from multimodal.comparison.gain_matrix import CAPTION
from multimodal.comparison.table import Table
from multimodal.errors import one_line
from multimodal.metric.catalogue import QUALITY, primary, shown_in

# Characters with a meaning in LaTeX, of which [ and * have one after the end of a line, and those that its fonts lack.
ESCAPES = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "[": "{[}", "*": "{*}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}"}
    | {"±": r"$\pm$", "−": "$-$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "–": "--", "\u00a0": "~", "‑": "-"}
)
PREAMBLE = r"""% Needs \usepackage{booktabs} and \usepackage[T1]{fontenc}.
% Mean and standard deviation over seeds; bold: significantly better than all others, as report.html explains."""
FUSING = "fusion/"  # metrics of fusing; they and the tested ones are as many as a page is wide
LETTERS = 14  # of a heading's line


def as_latex(comparison: Comparison) -> str:
    """Return the tables of quality and of fusion gain, each a `tabular`; an empty text if there is neither."""
    tables = [
        latex_table(table, [spec.heading for spec in shown_in(QUALITY) if spec.tested or spec.name.startswith(FUSING)])
        for table in comparison.tables
        if primary().heading in table.columns
    ]
    tables += [latex_table(table, table.columns) for table in comparison.tables if table.caption == CAPTION]
    return "\n\n".join([PREAMBLE, *tables]) + "\n" if tables else ""


def latex_table(table: Table, columns: list[str]) -> str:
    """Format some columns of a table, with a heading for each group of runs.

    Args:
        table: any table with numbers.
        columns: headings to show; those without a number in any line, and lines without any, are left out.
    """
    columns = [
        name
        for name in table.columns
        if name in columns and table.cells["value"][table.cells["column"] == name].notna().any()
    ]
    lines = [
        f"% {latex_text(table.caption)}",
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(columns)}@{{}}}}",
        r"\toprule",
        latex_row([latex_text(table.head), *map(latex_heading, columns)]),
    ]
    for title, rows in table.groups().items():
        lines += [r"\midrule", rf"\multicolumn{{{len(columns) + 1}}}{{@{{}}l}}{{{latex_text(title)}}} \\"]
        for label, line in rows:
            cells = line[line["column"].isin(columns)]
            if cells["value"].notna().any():
                lines.append(latex_row([latex_text(label), *map(latex_cell, cells["text"], cells["best"])]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def latex_row(parts: list[str]) -> str:
    """Join the cells of a line."""
    return " & ".join(parts) + r" \\"


def latex_heading(text: str) -> str:
    """Format the heading of a column in several short lines."""
    lines = r" \\ ".join(latex_text(line) for line in textwrap.wrap(text, LETTERS))
    return rf"\shortstack[r]{{{lines}}}"


def latex_cell(text: str, best: bool) -> str:
    """Format a cell, the best one of its column in bold."""
    number = latex_text(text)
    return rf"\textbf{{{number}}}" if best else number


def latex_text(text: str) -> str:
    r"""Escape what has a meaning in LaTeX; the text becomes one line.

    Example:
        >>> print(latex_text("50 % of a_b − [c]"))
        50 \% of a\_b $-$ {[}c]
    """
    return one_line(text.replace("\n", " ")).translate(ESCAPES)
