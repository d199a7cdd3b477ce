"""A comparison without its figures: as Markdown, and as CSV with a line for each cell of a table."""

from multimodal.comparison.comparison import Comparison
from multimodal.comparison.table import Cell, Table

COLUMNS = ("table", "data", "line", "column", "text", "value", "sd", "n", "best", "note")


def as_markdown(comparison: Comparison) -> str:
    """Verdicts, tables, failed jobs, commands."""
    parts = [f"# {escaped(comparison.title)}", escaped(comparison.lead), "## Verdict"]
    for title, sentences in comparison.sentences.items():
        parts += [f"**{escaped(title)}**", "\n".join(f"- {escaped(sentence)}" for sentence in sentences)]
    for table in comparison.tables:
        parts += [f"## {table.caption}", markdown_table(table)]
        parts += ["\n".join(f"- {escaped(note)}" for note in table.notes)] if table.notes else []
    parts += ["## Failed jobs"]
    parts += [f"~~~~\n{f.command}\n{f.error}\n~~~~" for f in comparison.failures] or ["None."]
    parts += ["## Commands", f"```bash\n{comparison.script}\n```"]
    return "\n\n".join(parts) + "\n"


def markdown_table(table: Table) -> str:
    """The data's name in a column of its own, the best in bold."""
    lines = [["data", table.head, *table.columns], ["---"] * (2 + len(table.columns))]
    for title, rows in table.groups.items():
        lines += [[escaped(title), escaped(row.label), *map(markdown_cell, row.cells)] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_cell(cell: Cell) -> str:
    """Text, bold where it is the best."""
    return f"**{escaped(cell.text)}**" if cell.best else escaped(cell.text)


def escaped(text: str) -> str:
    """Of what Markdown would read as its own."""
    return "".join(f"\\{c}" if c in "\\|*_`<[" else c for c in text.replace("\n", " "))


def as_rows(comparison: Comparison) -> list[dict[str, str | float | None]]:
    """Every cell with the numbers behind it; then sentences, failures and commands."""
    rows = []
    for table in comparison.tables:
        for title, lines in table.groups.items():
            for line in lines:
                for column, cell in zip(table.columns, line.cells, strict=True):
                    found = (table.caption, title, line.label, column, cell.text, cell.value, cell.sd, cell.n)
                    rows.append((*found, "yes" if cell.best else "", cell.note))
    for title, sentences in comparison.sentences.items():
        rows += [("Verdict", title, "", "", sentence) for sentence in sentences]
    rows += [("Note", table.caption, "", "", note) for table in comparison.tables for note in table.notes]
    rows += [("Failed jobs", "", f.command, "error", f.error) for f in comparison.failures]
    rows += [("Commands", "", name, "command", command) for name, command in comparison.commands.items()]
    return [dict(zip(COLUMNS, (*row, *[""] * (len(COLUMNS) - len(row))), strict=True)) for row in rows]
