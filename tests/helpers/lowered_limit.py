"""Prepare, train and evaluate under a lowered limit of memory: `python -m tests.helpers.lowered_limit folder MB`.

Prints how many MB the images of the training split would take.
"""

import re
import resource
import sys
from pathlib import Path

import datasets
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

import multimodal.run  # noqa: F401  registers the resolvers of conf/
from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.run import build_evaluation
from multimodal.runs.build import build_loss, build_model, read_data
from tests.helpers.command import UNMEASURED
from tests.helpers.toy import CONF

SMALL = ["dim=8", "encoder.image.widths=[8,8,8]", "head.image.width=8", "training.precision=32-true", *UNMEASURED]
SMALL += ["training.steps=4", "training.num_validations=2", "training.batch_size=8", "training.accelerator=cpu"]
SMALL += ["evaluation.batch_size=8", "dataset.validation_fraction=0.001", "tracking=disabled"]


def run(folder: Path, size: int, *overrides: str) -> tuple[Data, Results]:
    """Read the data in a folder, train for four steps and evaluate."""
    given = [f"dataset.path={folder}", "dataset.source=path", f"dataset.image_size={size}", "dataset.channels=3"]
    given += [f"output_dir={folder}/run", f"cache_dir={folder}/judges"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", [*SMALL, *given, *overrides])
    data = read_data(cfg)
    model, loss = build_model(cfg, data), build_loss(cfg, data)
    extra = {"record": {}, "vocabulary": data.vocabulary.words}
    history = instantiate(cfg.training, _convert_="all").fit(model, loss, data, folder, 0, lambda row: None, extra)
    return data, build_evaluation(cfg)[0].evaluate(model, data, history)


def main() -> None:
    """Run once on few samples, which loads libraries and starts threads; then lower the limit and run on all."""
    folder, headroom = Path(sys.argv[1]), int(sys.argv[2]) * 2**20
    datasets.disable_progress_bars()
    run(folder, 64, "dataset.limit=400")
    held = int(re.search(r"VmData:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (held + headroom, held + headroom))
    data, results = run(folder, 64)
    assert 0 <= results.metrics["accuracy/both"] <= 1
    train = data.splits["train"].image
    try:
        train[:]
    except (MemoryError, RuntimeError):
        print(train[:1].numel() * len(train) / 2**20)
    else:
        raise AssertionError("all images fit into memory: the limit is not one")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
