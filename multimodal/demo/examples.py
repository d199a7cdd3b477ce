"""Test samples to begin with, from the files of the runs."""

import logging
from io import BytesIO

from PIL import Image

from multimodal.api import TrainedRun
from multimodal.errors import joined_lines
from multimodal.pages.samples import EXACT, read_samples

log = logging.getLogger(__name__)


def examples_of(runs: dict[str, TrainedRun]) -> dict[str, list[tuple[Image.Image, str]]]:
    """Return some test samples of each dataset; a damaged file is left out with a warning.

    Returns:
        {title: [(image as its run read it, caption), ...]}, without the datasets whose runs have no samples.
    """
    examples: dict[str, list[tuple[Image.Image, str]]] = {}
    for run in runs.values():
        title = f"Test samples of {run.record.dataset} ({run.record.data_source}), to try"
        try:
            rows = [] if title in examples else [row for row in read_samples(run.folder) if row.get(EXACT) is not None]
        except ValueError as error:
            log.warning("no test samples of %s: %s", run.folder, joined_lines(error))
            continue
        if rows:
            examples[title] = [(Image.open(BytesIO(row[EXACT])), row["caption"]) for row in rows]
    return examples
