"""The contents of a comparison of runs, in any output format: sentences, tables, failures, commands."""

from dataclasses import dataclass, replace
from pathlib import Path

from multimodal.comparison.budgets import budget_sentences
from multimodal.comparison.check import Check
from multimodal.comparison.checklist import checklist
from multimodal.comparison.fusion_tables import cost_table, generation_table, missing_table, quality_table
from multimodal.comparison.fusion_tests import compare_fusions
from multimodal.comparison.gain_matrix import gain_table
from multimodal.comparison.grouping import by_group
from multimodal.comparison.limits import limits_sentence
from multimodal.comparison.pairwise_table import pairwise_table
from multimodal.comparison.pairwise_test import PairwiseTest
from multimodal.comparison.provenance import data_table, failed_command, run_commands
from multimodal.comparison.run import Failure, Run
from multimodal.comparison.table import Table
from multimodal.comparison.tuning_table import tuning_table
from multimodal.comparison.verdict import group_sentences, lead
from multimodal.errors import one_line


@dataclass(frozen=True)
class FailedJob:
    """A failed or interrupted job, with the command that reproduces the failure, or goes on from the interruption."""

    command: str
    error: str
    traceback: str


@dataclass(frozen=True)
class Comparison:
    """Holds the contents of a comparison.

    Args:
        title: the heading.
        lead: number of runs, fusions and datasets, and how they are compared.
        groups: {title of a group: its runs}; only runs of the same dataset, source and setting are compared.
        margin: differences of accuracy below it count as equivalent.
        tests: all pairwise tests.
        sentences: {title of a group: sentences on its results}; then of groups that differ only in their budget.
        limits: {title of a group: sentence on the limits of its task}, where they are known.
        checklist: how reliable the comparison is, item by item; empty without runs.
        tables: the tables with at least one row.
        failures: failed jobs of the folder.
        interrupted: jobs that were stopped, or have not ended.
        left_out: (folder, why it is not compared).
        commands: {run folder: the command that repeats it}.
    """

    title: str
    lead: str
    groups: dict[str, list[Run]]
    margin: float
    tests: list[PairwiseTest]
    sentences: dict[str, list[str]]
    limits: dict[str, str]
    checklist: list[Check]
    tables: list[Table]
    failures: list[FailedJob]
    interrupted: list[FailedJob]
    left_out: list[tuple[str, str]]
    commands: dict[str, str]

    @property
    def script(self) -> str:
        """Return the commands as a shell script, each below a comment with its run folder."""
        return "\n".join(f"# {name}\n{command}" for name, command in self.commands.items())


def failed_job(failure: Failure) -> FailedJob:
    """Return a failure with its command."""
    return FailedJob(failed_command(failure), failure.error, failure.traceback)


def with_each_note_once(tables: list[Table]) -> list[Table]:
    """Return the tables without the notes that one before has."""
    seen: set[str] = set()
    shortened = []
    for table in tables:
        shortened.append(replace(table, notes=[note for note in table.notes if note not in seen]))
        seen |= set(table.notes)
    return shortened


def compare(folder: Path, runs: list[Run], failures: list[Failure], margin: float) -> Comparison:
    """Compare the runs of a folder, within each group of runs on the same data."""
    groups, tests = by_group(runs), compare_fusions(runs, margin)
    tables = [gain_table(groups), quality_table(groups, tests), generation_table(groups, tests)]
    tables += [*missing_table(groups, tests), cost_table(groups, tests), pairwise_table(tests)]
    tables += [tuning_table(groups), data_table(groups)]
    return Comparison(
        title=f"Comparison of {one_line(folder.resolve().name)}",
        lead=lead(groups, failures, margin),
        groups=groups,
        margin=margin,
        tests=tests,
        sentences=group_sentences(groups, tests, failures) | budget_sentences(runs, tests),
        limits={title: line for title, own in groups.items() if (line := limits_sentence(own))},
        checklist=checklist(groups),
        tables=with_each_note_once([table for table in tables if len(table.cells)]),
        failures=[failed_job(f) for f in failures if f.status == "failed"],
        interrupted=[failed_job(f) for f in failures if f.status not in ("failed", "left out")],
        left_out=[(one_line(f.name), f.error) for f in failures if f.status == "left out"],
        commands=run_commands(runs),
    )
