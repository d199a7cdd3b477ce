"""The artifacts of a run: the data that it read, its best checkpoint, and the files that a comparison reads."""

from pathlib import Path
from typing import Any

from multimodal.comparison.reading import READ_FILES
from multimodal.tracking.tracker import Artifact

RUN_FILES = "run"  # kind of the artifact of a run's files


def data_artifact(dataset: str, source: str, fingerprint: str, card: Path) -> Artifact:
    """Return the artifact of the data that a run used: the card, and the fingerprint, which says that data is equal.

    Args:
        dataset: name of the dataset.
        source: the source that was read.
        fingerprint: hash of the data.
        card: `data_card.json`.
    """
    metadata = {"dataset": dataset, "source": source, "fingerprint": fingerprint}
    return Artifact(f"{dataset}-{source}-{fingerprint[:8]}", "dataset", [card], metadata, produced=False)


def model_artifact(name: str, file: Path, facts: dict[str, Any], produced: bool) -> Artifact:
    """Return the artifact of a checkpoint.

    Args:
        name: name of the run that trained it.
        file: the checkpoint.
        facts: its metrics, and what it was trained on.
        produced: whether this run trained it; else it was evaluated.
    """
    return Artifact(name, "model", [file], facts, produced)


def run_artifact(name: str, folder: Path) -> Artifact:
    """Return the artifact of what a comparison reads of a run, finished or not, so that it can be made elsewhere.

    Args:
        name: name of the run.
        folder: the run's folder.
    """
    files = [folder / file for file in READ_FILES if (folder / file).is_file()]
    return Artifact(f"{name}-files", RUN_FILES, files, {}, produced=True)
