"""Fusion gain as a matrix: a line for each task, dataset and setting, a column for each fusion."""

from typing import Any

import numpy as np

from multimodal.comparison.grouping import by_fusion, data_title
from multimodal.comparison.run import Run
from multimodal.comparison.table import DASH, Table, as_cells, cell
from multimodal.number_text import decimal_text

GAIN = "fusion/gain"
CAPTION = "Fusion gain by task"
MEANING = (
    "The share of the way from the best control's limit (0) to the task's ceiling (1) that the accuracy with both "
    "modalities makes, mean over seeds; below 0: worse than the best control could be. Both limits are expected "
    "accuracies of ideal answers, which luck may beat; that of task=noisy is an oracle's, a lower bound. Room: points "
    "of accuracy that a gain of 1 is. Error: the standard error of a run's gain over the test samples, mean over runs."
)
# columns before the fusions: heading, metric, factor and digits
SCALE = (("room, points", "task/room", 100.0, 1), ("error", "fusion/gain_se", 1.0, 2))
SHADE = 0.35  # of the colour behind a gain of 1: the number stays legible on it in light and in dark


def gain_table(groups: dict[str, list[Run]]) -> Table:
    """Return the matrix; a line without any number is left out, and its reason is among the notes."""
    everything = [run for runs in groups.values() for run in runs]
    scale = [column for column in SCALE if any(run.metrics.get(column[1]) is not None for run in everything)]
    fusions = by_fusion(everything)
    cells: list[dict[str, Any]] = []
    reasons: dict[str, list[str]] = {}
    for title, runs in groups.items():
        data, line, own = data_title(title, runs[0]), line_title(runs[0]), by_fusion(runs)
        gains = {fusion: gains_of(each) for fusion, each in own.items()}
        undefined = {fusion: why_no_gain(own[fusion]) for fusion in own if not gains[fusion]}
        for why in dict.fromkeys(undefined.values()):
            names = [fusion for fusion in own if undefined.get(fusion) == why]
            which = "" if len(names) == len(own) else f" ({', '.join(names)})"
            reasons.setdefault(why, []).append(f"{data}, {line}{which}")
        if any(gains.values()):
            cells += [mean_cell(data, line, *column, runs) for column in scale]
            cells += [gain_cell(data, line, name, gains.get(name, []), undefined.get(name, "")) for name in fusions]
    notes = [f"Undefined in {'; '.join(places)}: {why}." for why, places in reasons.items()]
    return Table(CAPTION, "task", as_cells(cells), [MEANING, *notes])


def gain_cell(data: str, line: str, fusion: str, gains: list[float], why: str) -> dict[str, Any]:
    """Return a cell of the matrix; it is empty for a fusion that the group does not have."""
    if not gains:
        return cell(data, line, fusion, DASH if why else "", note=why)
    mean = float(np.mean(gains))
    sd = float(np.std(gains, ddof=1)) if len(gains) > 1 else None
    shade = SHADE * min(max(mean, 0.0), 1.0)
    return cell(data, line, fusion, decimal_text(mean, 2), mean, sd=sd, n=len(gains), shade=shade)


def mean_cell(data: str, line: str, column: str, metric: str, factor: float, digits: int, runs: list[Run]) -> Any:
    """Return a cell with the mean over runs of what tells how to read the gains; it is empty for runs without it."""
    values = [value for run in runs if (value := run.metrics.get(metric)) is not None]
    if not values:
        return cell(data, line, column, "")
    mean = factor * float(np.mean(values))
    return cell(data, line, column, f"{mean:.{digits}f}", mean, n=len(values))


def line_title(run: Run) -> str:
    """Return the task and what else sets the group apart."""
    parts = run.setting.split(", ") if run.setting else []
    named = [part for part in parts if part.startswith("task=")]
    return ", ".join([*named, *(part for part in parts if part not in named)] if named else [task_name(run), *parts])


def task_name(run: Run) -> str:
    """Return the name of a run's task, from the module that its setting `dataset.task` names; its dataset's without."""
    target = (run.config.get("dataset", {}).get("task") or {}).get("_target_", "")
    return f"task={target.split('.')[-2]}" if "." in target else run.dataset


def gains_of(runs: list[Run]) -> list[float]:
    """Return the gains that are defined, one per seed."""
    return [gain for run in runs if (gain := run.metrics.get(GAIN)) is not None]


def why_no_gain(runs: list[Run]) -> str:
    """Return why none of a fusion's runs has a gain."""
    return next((run.undefined[GAIN] for run in runs if GAIN in run.undefined), "not measured")
