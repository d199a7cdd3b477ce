"""Test samples to begin with, from the files of the runs."""

import logging
from io import BytesIO

from PIL import Image

from multimodal.api import TrainedRun
from multimodal.errors import joined_lines
from multimodal.pages.samples import read_samples

log = logging.getLogger(__name__)

EXAMPLES = 6  # of each dataset


def examples_of(runs: dict[str, TrainedRun]) -> dict[str, list[tuple[Image.Image, str]]]:
    """Return some test samples of each dataset; a damaged file is left out with a warning.

    Returns:
        {title: [(image, caption), ...]}, without the datasets whose runs have no samples.
    """
    examples: dict[str, list[tuple[Image.Image, str]]] = {}
    for run in runs.values():
        title = f"Test samples of {run.record.dataset} ({run.record.data_source}), to try"
        try:
            rows = [] if title in examples else read_samples(run.folder)
        except ValueError as error:
            log.warning("no test samples of %s: %s", run.folder, joined_lines(error))
            continue
        if rows:
            some = rows[:: -(-len(rows) // EXAMPLES)]
            examples[title] = [(Image.open(BytesIO(row["image"])), row["caption"]) for row in some]
    return examples
