"""What a comparison of runs holds, whatever it is written as: sentences, tables, figures, failures, commands."""

from dataclasses import dataclass
from pathlib import Path

from multimodal.comparison.fusion_tables import (
    ahead_of_all,
    by_fusion,
    generation_table,
    grouped,
    quality_table,
    speaks,
)
from multimodal.comparison.pairwise_test import MEASURES, PRIMARY, SEEDS, Verdict, is_reference, verdicts
from multimodal.comparison.provenance import data_table, failed_command, run_commands, verdict_table
from multimodal.comparison.reading import Failure, Run
from multimodal.comparison.table import Table

CONTROLS = ("image_only", "text_only")  # read one modality: beside them a fusion is seldom behind
SAID = 16  # comparisons in words for each dataset; the table has them all


@dataclass(frozen=True)
class Failed:
    """A job that failed: what to run to see it again."""

    command: str
    error: str
    traceback: str


@dataclass(frozen=True)
class Comparison:
    """The keys of `groups` and `sentences` name dataset, source and setting; those of `commands` are run folders."""

    title: str
    lead: str
    groups: dict[str, list[Run]]
    sentences: dict[str, list[str]]
    tables: list[Table]
    failures: list[Failed]
    commands: dict[str, str]

    @property
    def script(self) -> str:
        """The commands as they can be run, the folder that each wrote above it."""
        return "\n".join(f"# {name}\n{command}" for name, command in self.commands.items())


def compare(folder: Path, runs: list[Run], failures: list[Failure], margin: float) -> Comparison:
    """Each group of runs on the same data is compared within itself."""
    groups = grouped(runs)
    found = {title: verdicts(own, margin) for title, own in groups.items()}
    tables = [quality_table(groups, found), generation_table(groups, found)]
    tables += [verdict_table(found, margin), data_table(groups)]
    return Comparison(
        title=f"Comparison of {folder.resolve().name}",
        lead=lead(groups, runs, failures, margin),
        groups=groups,
        sentences=by_group(groups, found),
        tables=[table for table in tables if table.groups],
        failures=[Failed(failed_command(f), f.error, f.traceback) for f in failures],
        commands=run_commands(folder, runs),
    )


def by_group(groups: dict[str, list[Run]], found: dict[str, list[Verdict]]) -> dict[str, list[str]]:
    """{title: what is said of it}; settings in which one fusion stands alone share a line where there are several."""
    alone = [title for title, runs in groups.items() if len(by_fusion(runs)) < 2]
    if len(alone) < 2:
        alone = []
    told = {title: sentences(own, found[title]) for title, own in groups.items() if title not in alone}
    if alone:
        told[f"{len(alone)} settings of one fusion each"] = [
            "nothing to compare with; their numbers are in the tables."
        ]
    return told


def lead(groups: dict[str, list[Run]], runs: list[Run], failures: list[Failure], margin: float) -> str:
    """How much there is to compare."""
    sizes = [len(own) for runs in groups.values() for own in by_fusion(runs).values()]
    if not sizes:
        return f"No run has finished; {counted(len(failures), 'job')} failed."
    seeds = f"{min(sizes)}" if len(set(sizes)) == 1 else f"{min(sizes)} to {max(sizes)}"
    fusions = len({run.fusion for run in runs})
    datasets = len({run.dataset for run in runs})
    counts = [counted(len(runs), "run"), counted(fusions, "fusion"), counted(datasets, "dataset")]
    counts += [counted(len(groups), "setting")] if len(groups) > datasets else []
    points = counted(f"{100 * margin:g}", "point")
    return (
        f"{', '.join(counts)}, {counted(seeds, 'seed')} each; {counted(len(failures), 'job')} failed. "
        f"Fusions are compared on the same data, paired by seed; equivalent is within {points}."
    )


def counted(count: int | str, noun: str) -> str:
    """One run, two runs."""
    return f"{count} {noun}{'' if str(count) == '1' else 's'}"


def sentences(runs: list[Run], found: list[Verdict]) -> list[str]:
    """Who is ahead, then each fusion beside the plain one; a null result stands as high as any other."""
    fusions = by_fusion(runs)
    if len(fusions) < 2:
        return [f"{runs[0].fusion} alone: nothing to compare with."]
    primary = [v for v in found if v.metric == PRIMARY]
    if len(fusions) == 2:
        return [v.sentence for v in primary]
    first = ahead_of_all(fusions, PRIMARY, found)
    spoken = speaks(fusions)
    words = MEASURES[PRIMARY].words
    if len(spoken) < 2:
        told = f"Fewer than {SEEDS} seeds: too few to say who is ahead in {words}."
    elif first is None:
        told = f"None of {', '.join(spoken)} is shown ahead of all the others in {words}."
    else:
        told = f"{first} is ahead of all the others in {words}."
    beside = sorted((v for v in primary if is_reference(v.second)), key=lambda v: v.first.partition(" ")[0] in CONTROLS)
    said = [v.sentence for v in (beside or primary)[:SAID]]
    more = len(primary) - len(said)
    rest = [f"{counted(more, 'more comparison')} in the table of all comparisons."] if more > 0 else []
    return [told, *said, *rest]
