"""The comparison as a W&B report: verdict and tables as text, panels over the runs of a folder, grouped."""

import importlib.util
import json
import logging
import warnings
from pathlib import Path
from typing import Any

from multimodal.files import write_json

log = logging.getLogger(__name__)

GROUPED = ["config.choices.dataset", "config.choices.fusion"]
BARS = ("availability/mean", "accuracy/image", "accuracy/text", "text_to_image/ssim", "image_to_text/class_coherence")
LINES = ("validation/loss", "validation/accuracy")
FILE = "wandb_report.json"


def build_report(project: str, entity: str | None, group: str, text: str) -> Any:
    """A report of the runs that `group` holds; `text` is Markdown. Asks no server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its own, of pydantic
        import wandb_workspaces.reports.v2 as wr

    runs = wr.Runset(
        project=project,
        name=group,
        filters=f"Config('sweep') = {group!r} and Metric('State') = 'finished'",  # no attempt that was cut
        groupby=GROUPED,
        order=[wr.OrderBy(wr.SummaryMetric(f"test/{BARS[0]}"), ascending=False)],
    )
    spread = {"groupby": "config.choices.fusion", "groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}
    panels = [wr.BarPlot(title=name, metrics=[f"test/{name}"], groupby="config.choices.fusion") for name in BARS]
    panels += [wr.LinePlot(title=name, x="step", y=[name], **spread) for name in LINES]
    panels.append(wr.MediaBrowser(media_keys=["figure/generation", "figure/availability"]))
    blocks = [wr.MarkdownBlock(text), wr.PanelGrid(runsets=[runs], panels=panels)]
    # without an entity the library would ask the server for one
    return wr.Report(project=project, entity=entity or "me", title=f"Comparison of {group}", blocks=blocks)


def publish(mode: str, project: str, entity: str | None, folder: Path) -> None:
    """Online: creates the report and says where; else keeps its specification in the folder.

    Args:
        mode: `online`, `offline` or `disabled`, which does nothing.
        project, entity: of the runs.
        folder: holds report.md; its name is the group of its runs.
    """
    if mode == "disabled":
        return
    if importlib.util.find_spec("wandb_workspaces") is None:
        log.info("no W&B report: it needs `pip install '.[reports]'`; report.html has the same")
        return
    report = build_report(project, entity, folder.resolve().name, (folder / "report.md").read_text())
    specification = report._to_model().spec.model_dump_json(by_alias=True, exclude_none=True)  # what save() sends
    write_json(json.loads(specification), folder / FILE)
    if mode == "offline":
        log.info("W&B report: its specification is %s; mode=report tracking=wandb creates it online", folder / FILE)
        return
    try:
        report.entity = entity or own_entity()
        report.blocks[1].runsets[0].entity = report.entity
        report.save()
        log.info("W&B report: %s", report.url)
    except Exception as error:  # the library raises bare ones; the comparison on disk is whole without it
        log.warning(
            "W&B report: not created (%s: %s); its specification is %s", type(error).__name__, error, folder / FILE
        )


def own_entity() -> str:
    """The user's own."""
    import wandb

    return wandb.Api().default_entity
