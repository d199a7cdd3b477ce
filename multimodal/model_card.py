"""The model card of an exported model: Markdown with the Hugging Face hub's metadata, made from what the run wrote.

After Mitchell et al. 2019, Model Cards for Model Reporting, https://arxiv.org/abs/1810.03993, in the format of
https://huggingface.co/docs/hub/model-cards. Every number stands beside its baselines.
"""

import importlib
import logging
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from multimodal.errors import one_line, read_object
from multimodal.evaluation.summary import decimals, reference_scores
from multimodal.io import write_text
from multimodal.metric.catalogue import TERMINAL, MetricSpec, shown_in
from multimodal.runs.record import RunRecord

log = logging.getLogger(__name__)

LIBRARY = "multimodal-suite"
CARD = "README.md"
UNKNOWN = "unknown"  # the hub's word for a licence that is not known
QUOTES = "'\""
# settings that change no result, and may name places of the machine
ELSEWHERE = ("output_dir", "cache_dir", "tracking", "hydra", "resume", "requeue")


def data_license(record: RunRecord) -> str | None:
    """Return the licence of the data as the hub names it, which the maker of an embedded set has; None if unknown."""
    embedded = record.config["dataset"].get("embedded")
    if record.data_source != "embedded" or not isinstance(embedded, dict):
        return None
    module = importlib.import_module(str(embedded["_target_"]).rpartition(".")[0])
    return getattr(module, "LICENSE", None)


def read_measured(checkpoint: Path, record: RunRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read `metrics.json` and `data_card.json` beside a checkpoint.

    Returns:
        Both; empty where there is none, and for a checkpoint that was not evaluated or on other data.

    Raises:
        ValueError: a file is damaged.
    """
    folder = checkpoint.parent
    metrics, card = (
        read_object(folder / name) if (folder / name).is_file() else {} for name in ("metrics.json", "data_card.json")
    )
    evaluated = checkpoint.name == "best.pt" and metrics.get("fingerprint") == record.fingerprint
    return metrics if evaluated else {}, card


def model_card(
    record: RunRecord, metrics: dict[str, Any], data_card: dict[str, Any], license: str | None, files: list[str]
) -> str:
    """Return the model card as text.

    Args:
        record: of the run that trained the model.
        metrics: content of the run's `metrics.json`; empty for a model that was not evaluated.
        data_card: content of its `data_card.json`; empty if there is none.
        license: as the hub names it; None for that of the data.
        files: names of the files beside the card.
    """
    known = data_license(record)
    hub_id = record.config["dataset"].get("hub_id") if record.data_source == "hub" else None
    results = [result_of(record, spec, metrics[spec.name], hub_id) for spec in measured(metrics)]
    reads_images = "image" in record.config["fusion"].get("modalities", ["image"])
    facts = ModelCardData(
        license=license or known or UNKNOWN,
        library_name=LIBRARY,
        tags=["multimodal", "image-and-text", f"{record.fusion}-fusion", "onnx", "safetensors"],
        datasets=hub_id,
        pipeline_tag="image-classification" if reads_images else "text-classification",
        metrics=["accuracy"] if results else None,
        model_name=record.name,
        eval_results=results or None,
    )
    parts = [
        f"# {record.name}",
        f"Reads an image, a caption, or both, and gives a class; with its heads for it, an image for a caption and a "
        f"caption for an image. {one_line(record.title)}.",
        "## Use",
        "```bash\npip install 'multimodal-suite[export]'\n"
        "multimodal mode=generate checkpoint=<this folder> 'text=\"a caption\"'\n"
        "multimodal mode=generate checkpoint=<this folder> image=photo.jpg\n```",
        f"Files: {', '.join(f'`{name}`' for name in files)}. `model.pt2` (torch.export) and `model.onnx` run without "
        "the package; `model.json` says what they read and give.",
        "## Results",
        *result_parts(metrics),
        "## Data",
        *data_parts(record, data_card, hub_id),
        "## Training",
        f"```bash\npython scripts/run.py {shlex.join(overrides_of(record))}\n```",
        f"Seed {record.seed}; the data's fingerprint is `{record.fingerprint}`, the run's key `{record.key}`.",
        "## Licence",
        license_text(license, known),
    ]
    return str(ModelCard(f"---\n{facts.to_yaml()}\n---\n\n" + "\n\n".join(parts) + "\n"))


def write_card(text: str, record: RunRecord, file: Path) -> None:
    """Write a model card; one that was changed by hand is kept, with a warning.

    Raises:
        ValueError: the file is not the card of this run.
    """
    if not file.exists():
        write_text(text, file)
    elif f"# {record.name}\n" not in (found := file.read_text(encoding="utf-8", errors="replace")):
        raise ValueError(f"output_dir: {file} is not the card of {record.name}; move it away, or give another folder")
    elif found != text:
        log.warning("%s was written before, or changed: it is kept; delete it to have it written anew", file)


def without_places(record: RunRecord) -> RunRecord:
    """Return a record in which folders of this machine are named by their last part, since others will read it."""
    config = record.config
    places = (config.get("output_dir"), config.get("cache_dir"), config["dataset"].get("path"))
    names = {place: Path(place).name for place in places if isinstance(place, str)}

    def renamed(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: renamed(value) for key, value in node.items()}
        if isinstance(node, list):
            return [renamed(value) for value in node]
        return names.get(node, node) if isinstance(node, str) else node

    return replace(record, config=renamed(config), overrides=overrides_of(record))


def measured(metrics: dict[str, Any]) -> list[MetricSpec]:
    """Return the main metrics that have a value."""
    return [spec for spec in shown_in(TERMINAL) if isinstance(metrics.get(spec.name), int | float)]


def result_of(record: RunRecord, spec: MetricSpec, value: float, hub_id: str | None) -> EvalResult:
    """Return a metric for the card's `model-index`."""
    return EvalResult(
        task_type="image-classification",
        task_name=f"task {record.choices.get('task', 'redundant')}",
        dataset_type=hub_id or record.dataset,
        dataset_name=f"{record.dataset} ({record.data_source})",
        dataset_split="test",
        metric_type=spec.name,
        metric_name=spec.title,
        metric_value=value if float(value).is_integer() else float(f"{value:.4g}"),  # counts are exact
    )


def result_parts(metrics: dict[str, Any]) -> list[str]:
    """Return a table of the main metrics beside their baselines, chance and ceilings."""
    if not metrics:
        return ["This checkpoint was not evaluated."]
    rows = ["| on the test split | value | beside it |", "|---|---|---|"]
    for spec in shown_in(TERMINAL):
        value, reason = metrics.get(spec.name), metrics.get("undefined", {}).get(spec.name)
        if value is None and reason is None:
            continue
        references = reference_scores(metrics, metrics.get("baselines", {}), spec)
        beside = ", ".join(
            f"{name.replace('_', ' ')} {decimals(score, spec.digits)}"
            for name, score in references.items()
            if score is not None
        )
        shown = f"undefined: {reason}" if value is None else decimals(value, spec.digits)
        rows.append(f"| {cell(spec.heading)} (`{spec.name}`) | {cell(shown)} | {cell(beside)} |")
    return ["\n".join(rows), "One run of one seed: it does not say that this fusion is better than another."]


def data_parts(record: RunRecord, card: dict[str, Any], hub_id: str | None) -> list[str]:
    """Return what the data card says."""
    revision = f", commit `{card['revision']}`" if card.get("revision") else ""
    place = f" ([{hub_id}](https://huggingface.co/datasets/{hub_id}){revision})" if hub_id else ""
    asked = f"captions {record.choices['caption']}, task {record.choices.get('task', 'redundant')}"
    lines = [f"{record.dataset} from {record.data_source}{place}; {asked}."]
    for split, counts in card.get("classes", {}).items():
        shares = ", ".join(f"{cell(name)} {count}" for name, count in counts.items())
        lines.append(f"- {split}: {sum(counts.values())} samples: {shares}")
    if "vocabulary" in card:
        lines.append(f"- vocabulary: {card['vocabulary']} words")
    if "test_captions_in_train" in card:
        lines.append(f"- share of test captions that stand in train too: {card['test_captions_in_train']:.3f}")
    if card.get("bad_rows"):
        lines.append(f"- rows that were left out: {len(card['bad_rows'])}")
    return ["\n".join(lines)]


def overrides_of(record: RunRecord) -> list[str]:
    """Return the overrides of a run without those that change no result; the data's folder by its name."""
    kept = []
    for override in record.overrides:
        name, _, value = override.lstrip("+~").partition("=")
        if name == "dataset.path":
            kept.append(f"dataset.path='{Path(value.strip(QUOTES)).name}'")
        elif not any(name == setting or name.startswith((f"{setting}.", f"{setting}/")) for setting in ELSEWHERE):
            kept.append(override)
    return kept


def license_text(license: str | None, known: str | None) -> str:
    """Return the sentence on the licences of weights and data."""
    data = f"The data is under {known}." if known else "The licence of the data is not known to this suite."
    return f"{data} The weights are under {license or known or 'the terms of their publisher, which are not stated'}."


def cell(text: str) -> str:
    """Return a text for a cell of a Markdown table."""
    return one_line(text).replace("|", "\\|")
