"""The comparison as a W&B report: the figure of differences, then verdict and tables of report.html, then panels.

A report of W&B shows an image by its address or as media that a run logged; it takes no file. So the forest plot is in
a run of its own, which holds nothing else, and the first panel shows it. The page's other figures of several runs are
replaced by panels over the runs, which W&B draws; the shading of the table of fusion gain is lost in Markdown.

A project has one report for each name of a folder of runs: a later comparison updates it, and the forest plot's run.
"""

import importlib
import importlib.util
import json
import logging
import re
import warnings
from pathlib import Path
from typing import Any

from multimodal.comparison.grouping import by_group
from multimodal.comparison.reading import read_runs
from multimodal.io import write_json
from multimodal.metric.catalogue import TRACKER, primary, shown_in

log = logging.getLogger(__name__)

GROUPED = ["config.choices.dataset", "config.choices.fusion"]
LINES = ("validation/loss", "validation/accuracy")
FILE = "wandb_report.json"
FOREST = "forest"  # name of the logged figure


def build_report(
    project: str, entity: str | None, sweep: str, text: str, groups: dict[str, list[str]], figure_run: str | None
) -> Any:
    """Build a report without contacting a server.

    Args:
        project: W&B project of the runs.
        entity: owner of the project; None if unknown.
        sweep: name of the sweep, for the title.
        text: the comparison in Markdown.
        groups: {title: names of the runs that may be compared}; each group gets panels of its own.
        figure_run: name of the run that logged the forest plot; None if there is none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the library uses a deprecated part of pydantic
        wr: Any = importlib.import_module("wandb_workspaces.reports.v2")  # it declares no exports

    spread = {"groupby": "config.choices.fusion", "groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}
    blocks = []
    if figure_run is not None:
        runs = wr.Runset(project=project, name="differences", filters=f"Metric('Name') in {[figure_run]!r}")
        blocks.append(wr.PanelGrid(runsets=[runs], panels=[wr.MediaBrowser(media_keys=[f"figure/{FOREST}"])]))
    blocks.append(wr.MarkdownBlock(text))
    for title, names in groups.items():
        runs = wr.Runset(
            project=project,
            name=title,
            # without interrupted or failed attempts
            filters=f"Metric('State') = 'finished' and Metric('Name') in {names!r}",
            groupby=GROUPED,
            order=[wr.OrderBy(wr.SummaryMetric(f"test/{primary().name}"), ascending=False)],
        )
        panels = [
            wr.BarPlot(title=spec.title, metrics=[f"test/{spec.name}"], groupby="config.choices.fusion")
            for spec in shown_in(TRACKER)
        ]
        panels += [wr.LinePlot(title=name, x="step", y=[name], **spread) for name in LINES]
        panels.append(wr.MediaBrowser(media_keys=["figure/generation", "figure/availability"]))
        blocks += [wr.H2(title), wr.PanelGrid(runsets=[runs], panels=panels)]
    # without an entity the library would ask the server for one
    return wr.Report(project=project, entity=entity or "me", title=f"Comparison of {sweep}", blocks=blocks)


def publish(mode: str, project: str, entity: str | None, folder: Path, figure_run: str | None) -> None:
    """Write the report's specification into the folder; in mode `online`, also create the report and log its URL.

    Args:
        mode: `online`, `offline` or `disabled`, which does nothing.
        project: W&B project of the runs.
        entity: owner of the project; None for the user's default.
        folder: folder of the compared runs, with report.md.
        figure_run: name of the run that logged the forest plot; None if there is none.
    """
    if mode == "disabled":
        return
    if importlib.util.find_spec("wandb_workspaces") is None:
        log.info("no W&B report: it needs `pip install '.[reports]'`; report.html has the same contents")
        return
    text, groups = without_images((folder / "report.md").read_text(encoding="utf-8")), by_group(read_runs(folder)[0])
    names = {title: [run.folder.name for run in runs] for title, runs in groups.items()}
    report = build_report(project, entity, folder.resolve().name, text, names, figure_run)
    specification = report._to_model().spec.model_dump_json(by_alias=True, exclude_none=True)  # what save() sends
    write_json(json.loads(specification), folder / FILE)
    if mode == "offline":
        log.info("W&B report: its specification is %s; mode=report tracking=wandb creates it online", folder / FILE)
        return
    try:
        report.entity = entity or own_entity()
        for grid in (block for block in report.blocks if hasattr(block, "runsets")):
            for runs in grid.runsets:
                runs.entity = report.entity
        report.id = earlier_report(report.entity, project, report.title)
        report.save()
        log.info("W&B report: %s", report.url)
    except Exception as error:  # the library raises plain Exceptions; the comparison on disk does not need the report
        log.warning(
            "W&B report: not created (%s: %s); its specification is %s", type(error).__name__, error, folder / FILE
        )


def earlier_report(entity: str | None, project: str, title: str) -> str:
    """Return the id of the report that an earlier comparison of this title made, so that it is updated; else nothing.

    Args:
        entity: owner of the project.
        project: W&B project of the runs.
        title: the report's.
    """
    import wandb

    api = wandb.Api()
    if not any(known.name == project for known in api.projects(entity)):  # the report will be the first of it
        return ""
    return next((known.id for known in api.reports(f"{entity}/{project}") if known.display_name == title), "")


def without_images(text: str) -> str:
    r"""Return Markdown without its lines of images, whose files W&B does not have.

    Example:
        >>> without_images("# Title\n\n![a plot](forest.png)\n\nText")
        '# Title\n\nText'
    """
    return re.sub(r"^!\[.*\]\(.*\)\n+", "", text, flags=re.MULTILINE)


def own_entity() -> str | None:
    """Return the default entity of the user who is logged in."""
    import wandb

    return wandb.Api().default_entity
