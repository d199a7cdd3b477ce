"""A comparison without its figures: as Markdown, and as a DataFrame with one row per table cell."""

import re

import pandas as pd

from multimodal.comparison.check import Check
from multimodal.comparison.checklist import checklist_source
from multimodal.comparison.comparison import Comparison
from multimodal.comparison.table import Table
from multimodal.errors import one_line

CHECKLIST = "Reliability"  # heading of the checklist
DIFFERENCES = "Differences"  # heading of the forest plot
NOTHING = "No fusion has a number here; the notes say why."
COLUMNS = ["table", "data", "line", "column", "text", "value", "sd", "n", "best", "note"]


def as_markdown(comparison: Comparison, paper: dict[str, str]) -> str:
    """Format the forest plot, sentences, tables, failed jobs and commands as Markdown.

    Args:
        comparison: of runs.
        paper: {name of a file beside the text: what it has}; a PNG file is shown.
    """
    parts = [f"# {escaped(comparison.title)}", escaped(comparison.lead)]
    pictures = [f"![{DIFFERENCES}]({name})" for name in paper if name.endswith(".png")]
    parts += [f"## {DIFFERENCES}", *pictures] if pictures else []
    parts += ["## Verdict"]
    for title, sentences in comparison.sentences.items():
        limits = [comparison.limits[title]] if title in comparison.limits else []
        lines = "\n".join(f"- {escaped(sentence)}" for sentence in (*sentences, *limits))
        parts += [f"**{escaped(title)}**", lines]
    if comparison.checklist:
        source = escaped(checklist_source(comparison.groups))
        parts += [f"## {CHECKLIST}", source, *map(markdown_check, comparison.checklist)]
    for table in comparison.tables:
        parts += [f"## {table.caption}", markdown_table(table.without_dashes())]
        parts += ["\n".join(f"- {escaped(note)}" for note in table.notes)] if table.notes else []
    if paper:
        parts += ["## For a paper", "\n".join(f"- {name}: {escaped(content)}" for name, content in paper.items())]
    parts += ["## Failed jobs"]
    parts += [fenced(f"{f.command}\n{f.error}", "~") for f in comparison.failures] or ["None."]
    if comparison.interrupted:
        parts += ["## Interrupted jobs", *(fenced(f"{f.command}\n{f.error}", "~") for f in comparison.interrupted)]
    if comparison.left_out:
        parts += ["## Left out", "\n".join(f"- {escaped(name)}: {escaped(why)}" for name, why in comparison.left_out)]
    parts += ["## Commands", fenced(comparison.script, "`", "bash")]
    return "\n\n".join(parts) + "\n"


def markdown_check(check: Check) -> str:
    """Format an item of the checklist as a task, with what to do below it."""
    line = f"- [{'x' if check.ticked else ' '}] **{escaped(check.title)}**: {escaped(check.found)}."
    todo = [] if check.ticked else [f"  To do: {escaped(check.todo)}."]
    code = [f"  {line}" for line in fenced(check.command, "`", "bash").split("\n")] if check.command else []
    return "\n".join([line, *todo, *(["", *code] if code else [])])


def markdown_table(table: Table) -> str:
    """Format a table, with the title of the group in the first column and the best values in bold."""
    if not len(table.cells):
        return NOTHING
    lines = [["data", table.head, *table.columns], ["---"] * (2 + len(table.columns))]
    for data, label, line in table.lines():
        texts = [f"**{escaped(str(c.text))}**" if c.best else escaped(str(c.text)) for c in line.itertuples()]
        lines.append([escaped(data), escaped(label), *texts])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fenced(text: str, mark: str, language: str = "") -> str:
    """Format a text as a block of code, whose fence is longer than any row of the same mark in it."""
    longest = max((len(row) for row in re.findall(f"{mark}+", text)), default=0)
    fence = mark * max(3 if language else 4, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def escaped(text: str) -> str:
    """Escape the characters that have a meaning in Markdown, and those that end a line."""
    return "".join(f"\\{c}" if c in "\\|*_`<[~" else c for c in one_line(text.replace("\n", " ")))


def tick(check: Check) -> str:
    """Return a word for the box of an item."""
    return "ticked" if check.ticked else "not ticked"


def spelled(check: Check) -> str:
    """Return an item's finding with what to do in one text."""
    return "; ".join(filter(None, [check.found, check.todo and f"to do: {check.todo}", check.command]))


def as_frame(comparison: Comparison) -> pd.DataFrame:
    """Return all cells with their numbers, then sentences, notes, failures and commands."""
    cells = [table.cells.assign(table=table.caption) for table in comparison.tables]
    rows = [("Verdict", data, "", "", sentence) for data, own in comparison.sentences.items() for sentence in own]
    rows += [("Limits of the task", data, "", "", line) for data, line in comparison.limits.items()]
    rows += [(CHECKLIST, "", check.title, tick(check), spelled(check)) for check in comparison.checklist]
    rows += [("Note", table.caption, "", "", note) for table in comparison.tables for note in table.notes]
    rows += [("Failed jobs", "", failed.command, "error", failed.error) for failed in comparison.failures]
    rows += [("Interrupted jobs", "", job.command, "error", job.error) for job in comparison.interrupted]
    rows += [("Left out", "", name, "reason", why) for name, why in comparison.left_out]
    rows += [("Commands", "", name, "command", command) for name, command in comparison.commands.items()]
    rest = pd.DataFrame(rows, columns=COLUMNS[:5], dtype=object)
    frame = pd.concat([*cells, rest.assign(best=False)], ignore_index=True).reindex(columns=COLUMNS)
    return frame.assign(best=frame["best"].map({True: "yes", False: ""}))
