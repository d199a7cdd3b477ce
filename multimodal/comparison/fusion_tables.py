"""The tables of metrics: a line for each fusion of a group, then lines for the blind baselines and the judges."""

from dataclasses import replace
from typing import Any

import pandas as pd

from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.limits import BESIDE
from multimodal.comparison.pairwise_test import SEEDS, PairwiseTest, best_fusion
from multimodal.comparison.run import Run
from multimodal.comparison.table import DASH, Table, as_cells, cell
from multimodal.metric.catalogue import COST, GENERATION, PRIMARY, QUALITY, MetricSpec, compared, shown_in, spec_of
from multimodal.number_text import decimal_text

MEANING = (
    "Mean of the three accuracies: with both, from the image alone, from the caption alone. Fusion gain: the share of "
    "the way from the best control's limit to the ceiling of the task. Product of its own answers: of the class "
    "probabilities from the image alone and from the caption alone, a bar that a fusion has to clear. Worst rates: the "
    "lowest accuracy at any share of samples without image or caption. EMAP gap: what the model loses when it may only "
    "add up what each modality says."
)
MACHINE = "Training samples/s and milliseconds are of the machine that each run had."
GENERATED = (
    "Captions are generated from the image alone, images from the caption alone. Skill: the share of what there "
    "was to gain over the best blind baseline. R@1: an equal caption, or its image, is found first; it is of the "
    "encoders, before any fusion. SSIM rewards blur: it is shown and not tested."
)
REFERENCES = "Grey: baselines without a model, the judges' own accuracy, and the most that the task allows."

FAMILY = "missing/*"  # in the catalogue
INDEPENDENT = (
    "Accuracy when images and captions are missing independently, each at the rate in the heading; without both, the "
    "answer is the most frequent training label. Filled: the missing modality is generated from the other one. Exact, "
    "without drawn masks, and not tested."
)

Cells = list[dict[str, Any]]


def quality_table(groups: dict[str, list[Run]], tests: list[PairwiseTest]) -> Table:
    """Return the table of accuracy metrics, the primary one first."""
    specs = sorted(shown_in(QUALITY), key=lambda spec: spec.tested != PRIMARY)
    return metric_table("Quality", groups, specs, tests, [MEANING, REFERENCES])


def cost_table(groups: dict[str, list[Run]], tests: list[PairwiseTest]) -> Table:
    """Return the table of sizes and speeds."""
    return metric_table("Cost", groups, shown_in(COST), tests, [MACHINE])


def generation_table(groups: dict[str, list[Run]], tests: list[PairwiseTest]) -> Table:
    """Return the table of generation and retrieval metrics."""
    return metric_table("Generation and retrieval", groups, shown_in(GENERATION), tests, [GENERATED, REFERENCES])


def missing_table(groups: dict[str, list[Run]], tests: list[PairwiseTest]) -> list[Table]:
    """Return the table of accuracies at each rate that some run measured; no table if none did."""
    names = sorted({name for runs in groups.values() for run in runs for name in run.metrics})
    found = {name: spec for name in names if (spec := spec_of(name)) is not None and spec.name == FAMILY}
    specs = [replace(s, name=name, title=name.partition("/")[2].replace("_", ", ")) for name, s in found.items()]
    return [metric_table("Missing modalities", groups, specs, tests, [INDEPENDENT])] if specs else []


def metric_table(
    caption: str, groups: dict[str, list[Run]], specs: list[MetricSpec], tests: list[PairwiseTest], notes: list[str]
) -> Table:
    """Return a table with these metrics as its columns."""
    cells: Cells = []
    for title, runs in groups.items():
        cells += fusion_cells(title, runs, specs, [test for test in tests if test.group == title])
        cells += reference_cells(title, runs[0], specs)
    table = Table(caption, "fusion", as_cells(cells), [])
    shown = table.without_dashes().columns
    own = [spec for spec in specs if spec.heading in shown or not shown]
    return replace(table, notes=[how_to_read(), *notes, *table.hidden_columns(), *why_dashes(groups, own)])


def how_to_read() -> str:
    """Return the note on the numbers of a table."""
    return (
        "Mean ± s.d. over seeds; a heading sorts, ↑ higher is better, ↓ lower. Bold: significantly better than every "
        f"other fusion with at least {SEEDS} seeds on the same data, over seeds and over test samples. "
        f"Only these measures are tested, so only they can be bold: {'; '.join(spec.title for spec in compared())}."
    )


def fusion_cells(title: str, runs: list[Run], specs: list[MetricSpec], tests: list[PairwiseTest]) -> Cells:
    """Return a line for each fusion of a group."""
    fusions = by_fusion(runs)
    best = {spec.name: best_fusion(fusions, spec, tests) for spec in specs}
    cells = []
    for fusion, own in fusions.items():
        cells.append(cell(title, fusion, "seeds", str(len(own)), len(own)))
        for spec in specs:
            cells.append(
                cell(title, fusion, spec.heading, **mean_and_spread(own, spec), best=best[spec.name] == fusion)
            )
    return cells


def mean_and_spread(runs: list[Run], spec: MetricSpec) -> dict[str, Any]:
    """Return the text of a cell, with mean, standard deviation and number of seeds that have the metric."""
    values = spec.scale * pd.Series([run.metrics.get(spec.name) for run in runs], dtype=float)
    n = int(values.count())
    if n == 0:
        return {"text": DASH, "note": reason(runs, spec.name)}
    mean, sd = float(values.mean()), float(values.std()) if n > 1 else None
    text = decimal_text(mean, spec.digits) + ("" if sd is None else f" ± {decimal_text(sd, spec.digits)}")
    return {"text": text + (f" (n={n})" if n < len(runs) else ""), "value": mean, "sd": sd, "n": n}


def reference_cells(title: str, run: Run, specs: list[MetricSpec]) -> Cells:
    """Return the lines of blind baselines, judges and limits, which are equal for every run on the same data."""
    judges = {spec.name: run.metrics.get(spec.judge) for spec in specs if spec.judge}
    limits = {name: run.metrics.get(limit) for name, limit in BESIDE.items()}
    cells = []
    for name, scores in (run.baselines | {"the judge itself": judges, "limits of the task": limits}).items():
        label, scores = name.replace("_", " "), {spec.name: scores.get(spec.name) for spec in specs}
        if all(value is None for value in scores.values()):
            continue
        cells.append(cell(title, label, "seeds", "", reference=True))
        for spec in specs:
            score = scores[spec.name]
            value = None if score is None else spec.scale * score
            text = "" if value is None else decimal_text(value, spec.digits)
            cells.append(cell(title, label, spec.heading, text, value, reference=True))
    return cells


def reason(runs: list[Run], name: str) -> str:
    """Return the reason why no run has this metric."""
    return next((run.undefined[name] for run in runs if name in run.undefined), "not measured")


def why_dashes(groups: dict[str, list[Run]], specs: list[MetricSpec]) -> list[str]:
    """Return notes that explain the dashes: one for each reason, with the fusions and metrics that it is of."""
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}  # {reason: (fusions, titles)}, as ordered sets
    for runs in groups.values():
        for fusion, own in by_fusion(runs).items():
            for spec in specs:
                if all(run.metrics.get(spec.name) is None for run in own):
                    fusions, titles = found.setdefault(reason(own, spec.name), ({}, {}))
                    fusions[fusion], titles[spec.title] = None, None
    return [f"{DASH} {why}: {', '.join(fusions)} ({', '.join(titles)})." for why, (fusions, titles) in found.items()]
