"""The tables of a comparison: a line for each fusion, beneath the name of its data."""

import statistics

from multimodal.comparison.columns import COST, GENERATION, QUALITY, Quantity
from multimodal.comparison.pairwise_test import MEASURES, SEEDS, Verdict
from multimodal.comparison.reading import Run, titles
from multimodal.comparison.table import Cell, Line, Table
from multimodal.metric import catalogue

BOLD = (
    "Mean ± s.d. over seeds; a heading sorts, ↑ higher is better, ↓ lower. Bold: ahead, by a difference that is shown "
    f"and that other test samples would show, of every other fusion with {SEEDS} seeds or more on the same data. "
    f"Tested, and so ever bold, are only {'; '.join(m.words for m in MEASURES.values())}."
)
MEANT = (
    "All missing rates: the mean accuracy over the whole triangle of shares of samples without image or caption; worst "
    "rates: its lowest cell. EMAP gap: what the model loses when it may only add up what each modality says. Training "
    "samples/s and milliseconds are of the machine that each run had."
)

GENERATED = (
    "Captions are written from the image alone, images drawn from the caption alone. Skill: the share of what there "
    "was to gain over the best answer that looks at nothing. R@1: an equal caption, or its image, is found first."
)


def grouped(runs: list[Run]) -> dict[str, list[Run]]:
    """{title: runs on the same data in the same setting}."""
    return {title: [run for run in runs if run.group == group] for group, title in titles(runs).items()}


def by_fusion(runs: list[Run]) -> dict[str, list[Run]]:
    """{fusion: its runs}, in alphabetical order."""
    return {name: [run for run in runs if run.fusion == name] for name in sorted({run.fusion for run in runs})}


def quality_table(groups: dict[str, list[Run]], verdicts: dict[str, list[Verdict]]) -> Table:
    """How right each fusion is, and what it costs."""
    quantities = QUALITY + COST
    lines = {
        title: fusion_lines(runs, quantities, verdicts[title]) + reference_lines(runs[0].baselines, quantities)
        for title, runs in groups.items()
    }
    notes = [BOLD, MEANT, *undefined(groups, quantities)]
    return Table("Quality and cost", "fusion", ["seeds", *(q.title for q in quantities)], lines, notes)


def generation_table(groups: dict[str, list[Run]], verdicts: dict[str, list[Verdict]]) -> Table:
    """How well each fusion generates and retrieves, above what needs no model."""
    lines = {
        title: fusion_lines(runs, GENERATION, verdicts[title])
        + reference_lines(runs[0].baselines | {"the judge itself": judged(runs[0])}, GENERATION)
        for title, runs in groups.items()
    }
    notes = [BOLD, GENERATED, "Grey: what needs no model, and the judges' own accuracy."]
    notes += undefined(groups, GENERATION)
    return Table("Generation and retrieval", "fusion", ["seeds", *(q.title for q in GENERATION)], lines, notes)


def fusion_lines(runs: list[Run], quantities: list[Quantity], verdicts: list[Verdict]) -> list[Line]:
    """A line for each fusion of one group."""
    fusions = by_fusion(runs)
    best = {q.name: ahead_of_all(fusions, q.name, verdicts) for q in quantities}
    return [
        Line(name, [Cell(str(len(own)), len(own)), *(measured(own, q, best[q.name] == name) for q in quantities)])
        for name, own in fusions.items()
    ]


def measured(runs: list[Run], quantity: Quantity, best: bool) -> Cell:
    """Mean ± s.d. over seeds; how many there are is said where some have no such value."""
    found = [run.metrics.get(quantity.name) for run in runs]
    values = [quantity.factor * value for value in found if value is not None]
    if not values:
        return Cell("–", note=reason(runs, quantity.name))
    mean, sd = statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None
    text = f"{mean:.{quantity.digits}f}" + ("" if sd is None else f" ± {sd:.{quantity.digits}f}")
    text += f" (n={len(values)})" if len(values) < len(runs) else ""
    return Cell(text, mean, sd, len(values), best)


def speaks(fusions: dict[str, list[Run]]) -> list[str]:
    """Those with enough seeds for a verdict."""
    return [name for name, runs in fusions.items() if len({run.seed for run in runs}) >= SEEDS]


def ahead_of_all(fusions: dict[str, list[Run]], name: str, verdicts: list[Verdict]) -> str | None:
    """The fusion whose difference to every other that can be compared is shown, not fragile, and in its favour."""
    shown = [v for v in verdicts if v.metric == name and v.shown and not v.fragile]
    ahead = {(v.first, v.second) if v.difference > 0 else (v.second, v.first) for v in shown}
    having = [f for f in speaks(fusions) if any(run.metrics.get(name) is not None for run in fusions[f])]
    for fusion in having:
        others = [other for other in having if other != fusion]
        if others and all((fusion, other) in ahead for other in others):
            return fusion
    return None


def judged(run: Run) -> dict[str, float | None]:
    """{coherence: how often its judge is right on what is real}."""
    return {spec.name: run.metrics.get(spec.judge) for spec in catalogue.CATALOGUE if spec.judge}


def reference_lines(rows: dict[str, dict[str, float | None]], quantities: list[Quantity]) -> list[Line]:
    """What needs no model, the same for every run on these data, as far as it has these quantities."""
    return [
        Line(name.replace("_", " "), [Cell(""), *(single(scores.get(q.name), q) for q in quantities)], reference=True)
        for name, scores in rows.items()
        if any(scores.get(q.name) is not None for q in quantities)
    ]


def single(value: float | None, quantity: Quantity) -> Cell:
    """A number without seeds."""
    if value is None:
        return Cell("")
    return Cell(f"{quantity.factor * value:.{quantity.digits}f}", quantity.factor * value)


def reason(runs: list[Run], name: str) -> str:
    """Why no run has this metric."""
    return next((run.undefined[name] for run in runs if name in run.undefined), "not measured")


def undefined(groups: dict[str, list[Run]], quantities: list[Quantity]) -> list[str]:
    """Dashes explained: a line for each reason."""
    said: dict[tuple[str, str, str], list[str]] = {}
    for title, runs in groups.items():
        for fusion, own in by_fusion(runs).items():
            for quantity in quantities:
                if all(run.metrics.get(quantity.name) is None for run in own):
                    said.setdefault((title, fusion, reason(own, quantity.name)), []).append(quantity.name)
    return [f"– {title}, {fusion}: {why} ({', '.join(names)})." for (title, fusion, why), names in said.items()]
