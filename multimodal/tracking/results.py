"""What a tracker gets of a finished run: figures, predictions, files, and the values of the kept checkpoint."""

from pathlib import Path
from typing import Any

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.sample_table import predictions_of_test
from multimodal.metric.catalogue import TERMINAL, shown_in
from multimodal.runs.record import RunRecord
from multimodal.tracking.artifacts import data_artifact, model_artifact
from multimodal.tracking.tracker import Tracker
from multimodal.training.selection import best_row


def track_results(
    tracker: Tracker,
    record: RunRecord,
    data: Data,
    history: list[dict[str, float]],
    results: Results,
    files: dict[str, Path],
) -> None:
    """Send the results of a training or of an evaluation to the tracker.

    Args:
        tracker: an open tracker.
        record: of the run.
        data: what it was evaluated on.
        history: rows of the training history.
        results: of the evaluation.
        files: {name: file}: `checkpoint`, `data_card`, and figures.
    """
    trained = record.checkpoint is None
    tracker.figures({name: file for name, file in files.items() if file.suffix == ".png"})
    if tracker.detail.test_samples > 0:
        count = tracker.detail.test_samples
        tracker.table("predictions/test", predictions_of_test(data, results.predictions, results.reads, count))
    kept = best_row(history, record.config["training"]["select"]) if trained else {}
    if tracker.detail.artifacts:
        known = data_artifact(record.dataset, record.data_source, record.fingerprint, files["data_card"])
        tracker.artifact(known)
        facts: dict[str, Any] = {spec.name: results.metrics.get(spec.name) for spec in shown_in(TERMINAL)}
        facts |= {"data": known.name, "step": kept.get("step"), "fusion": record.fusion, "seed": record.seed}
        tracker.artifact(model_artifact(record.name, files["checkpoint"], facts, produced=trained))
    # last, as each row of the history overwrites the values that it has
    values: dict[str, float | None] = {"kept_step" if name == "step" else name: value for name, value in kept.items()}
    tracker.summary(values | {f"test/{name}": value for name, value in results.metrics.items()})
