"""How time and memory grow with the data: a table of stages and sizes, each size in a process of its own.

python scripts/growth.py
python scripts/growth.py --samples 2000 8000 --image-size 64 --channels 3 --classes 100 --words 100 --vocabulary 10000

For each size it makes up pictures with captions, reads them, trains a small model for 20 steps and evaluates it. A cell
holds the seconds of a stage, of processor time, which other work on the machine does not change, and behind them the
exponent by which they grew since the size before: 1 is linear, 2 the square. Less than half a second has no exponent.
The last rows are the most memory that the process held, in MB: its own, and with the pages of mapped files, which the
operating system takes back when it needs them.
"""

import argparse
import io
import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

STAGES = {  # {stage: functions of `prepare_data` and what they belong to, whichever of them exist}
    "read": ("read_source", "read_rows", "limit_rows"),
    "decode": ("decode_samples",),
    "split": ("split_samples",),
    "near duplicates": ("cached_near_duplicates", "count_near_duplicates"),
    "card": ("make_card",),
    "fingerprint": ("fingerprint",),
}
LEAST = 0.5  # seconds; of less no exponent is told
PART = 1000  # pictures made at a time
STEPS = 20  # of training
SMALL = ["dim=32", "encoder.image.widths=[16,16,16]", "head.image.width=8"]  # a model whose arithmetic takes little


def main() -> None:
    """Print the table, or measure one size if `--data` says where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[2000, 8000, 32000, 100000])
    parser.add_argument("--image-size", type=int, default=16, help="pixels")
    parser.add_argument("--channels", type=int, default=1, choices=[1, 3])
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--words", type=int, default=7, help="of a caption")
    parser.add_argument("--vocabulary", type=int, default=50, help="different words")
    parser.add_argument("--until", default="figures", choices=["prepare", "train", "evaluate", "figures"])
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.data is not None:
        print(json.dumps(measure(chosen.data, chosen)))
        return
    columns = []
    for count in chosen.samples:
        with tempfile.TemporaryDirectory() as folder:
            make_data(Path(folder) / "data" / "all.parquet", count, chosen)
            command = [sys.executable, __file__, *sys.argv[1:], "--data", folder]
            columns.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    print(table(chosen.samples, columns))


def make_data(file: Path, count: int, chosen: argparse.Namespace) -> None:
    """Write parquet of pictures that look like drawn signs: of a class alike, no two equal, with much plain ground."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch
    from PIL import Image

    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    kinds = torch.rand(chosen.classes, chosen.channels, 6, 6, generator=generator)
    words = np.array([f"word{i}" for i in range(chosen.vocabulary)])
    frequency = 1 / np.arange(1, len(words) + 1)
    file.parent.mkdir()
    writer = None
    for first in range(0, count, PART):
        label = np.arange(first, min(first + PART, count)) % chosen.classes
        own = torch.rand(len(label), *kinds.shape[1:], generator=generator)
        smooth = torch.nn.functional.interpolate(kinds[label] + 0.7 * own, [chosen.image_size] * 2, mode="bicubic")
        pixels = (255 * (8 * (smooth - 1)).clamp(0, 1)).byte().movedim(1, -1).numpy()
        said = rng.choice(words, (len(label), max(0, chosen.words - 1)), p=frequency / frequency.sum())
        columns = {
            "image": [{"bytes": png(Image.fromarray(p.squeeze(-1) if p.shape[-1] == 1 else p))} for p in pixels],
            "label": [f"kind{k}" for k in label],
            "caption": [" ".join([f"kind{k}", *rest]) for k, rest in zip(label, said, strict=True)],
        }
        part = pa.table(columns)
        writer = writer or pq.ParquetWriter(file, part.schema)
        writer.write_table(part)
    assert writer is not None
    writer.close()


def png(image: Any) -> bytes:
    """Encode a picture."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def measure(folder: Path, chosen: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Run every stage on the data in a folder: {"seconds": {stage: ...}, "memory": {...}}."""
    import datasets
    import torch
    from hydra import compose, initialize_config_dir
    from hydra.utils import instantiate

    import multimodal.run
    from multimodal.dataset.preparing import prepare
    from multimodal.evaluation import clock as evaluation_clock
    from multimodal.run import build_evaluation
    from multimodal.runs.build import as_dict, build_loss, build_model, read_data, read_once

    evaluation_clock.time = argparse.Namespace(perf_counter=time.process_time)
    datasets.disable_progress_bars()
    datasets.config.HF_DATASETS_CACHE = str(folder / "cache")
    settings = {
        "dataset.path": folder / "data",
        "dataset.source": "path",
        "dataset.image_size": chosen.image_size,
        "dataset.channels": chosen.channels,
        "dataset.max_words": chosen.words,
        "dataset.grammar": "null",
        "dataset.image_attributes": "null",
        "training.steps": STEPS,
        "training.num_validations": 1,
        "training.accelerator": "cpu",
        "evaluation.image_judge.steps": STEPS,
        "evaluation.figures.points": 300,
        "cache_dir": folder / "cache",
        "output_dir": folder / "run",
    }
    conf = Path(multimodal.run.__file__).parent.parent / "conf"
    with initialize_config_dir(str(conf), version_base="1.3"):
        cfg = compose("config", [*(f"{name}={value}" for name, value in settings.items()), *SMALL])
    seconds: dict[str, float] = {}
    for stage, names in STAGES.items():
        for name in set(names) & vars(prepare).keys():
            setattr(prepare, name, timed(seconds, stage, vars(prepare)[name]))
    prepare.Vocabulary.encode = timed(seconds, "words", prepare.Vocabulary.encode)
    with memory() as held:
        with clock(seconds, "prepare in all"):
            data = read_data(cfg)
        first = dict(seconds)
        read_once.cache_clear()
        with clock(first, "prepare again, from the cache"):
            data = read_data(cfg)
        seconds = first
        if chosen.until != "prepare":
            torch.manual_seed(0)
            model, loss = build_model(cfg, data), build_loss(cfg, data)
            trainer = instantiate(cfg.training, _convert_="all")
            with clock(seconds, f"train {STEPS} steps, validate once"):
                extra = {"record": {}, "vocabulary": data.vocabulary.words}
                history = trainer.fit(model, loss, data, folder, 0, lambda row: None, extra)
        if chosen.until in ("evaluate", "figures"):
            evaluator, figures = build_evaluation(cfg)
            with clock(seconds, "evaluate in all"):
                results = evaluator.evaluate(model, data, history)
            seconds |= {f"evaluate: {name}": spent for name, spent in results.seconds.items()}
        if chosen.until == "figures":
            with clock(seconds, "figures"):
                figures.draw("growth", data, history, results, as_dict(cfg.training), data.card)
    return {"seconds": seconds, "memory": held}


@contextmanager
def clock(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the processor time that the block takes, of all threads."""
    began = time.process_time()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0) + time.process_time() - began


def timed(seconds: dict[str, float], stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, its time added to that of the stage."""

    @wraps(function)
    def call(*arguments: Any, **settings: Any) -> Any:
        with clock(seconds, stage):
            return function(*arguments, **settings)

    return call


@contextmanager
def memory() -> Iterator[dict[str, float]]:
    """Watch the most memory that this process holds in the block, in MB; empty where there is no /proc."""
    held: dict[str, float] = {}
    status, done = Path("/proc/self/status"), threading.Event()

    def watch() -> None:
        while status.exists() and not done.wait(0.02):
            kb = dict(line.split(":", 1) for line in status.read_text().splitlines())
            own, mapped = (float(kb[name].split()[0]) / 1024 for name in ("RssAnon", "VmRSS"))
            held["own memory, MB"] = max(own, held.get("own memory, MB", 0))
            held["with mapped files, MB"] = max(mapped, held.get("with mapped files, MB", 0))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield held
    finally:
        done.set()
        thread.join()


def table(samples: list[int], columns: list[dict[str, dict[str, float]]]) -> str:
    """Return the table: a line per stage, a column per size."""
    lines = [f"{'samples':40s}" + "".join(f"{count:>18,}" for count in samples)]
    for stage in columns[-1]["seconds"]:
        cells, before = [], (0, math.inf)
        for count, column in zip(samples, columns, strict=True):
            spent = column["seconds"].get(stage, math.nan)
            told = spent >= LEAST and 0 < before[1] < math.inf
            grown = f"^{math.log(spent / before[1]) / math.log(count / before[0]):.2f}" if told else ""
            cells.append(f"{spent:10.2f} s {grown:6s}")
            before = (count, spent)
        lines.append(f"{stage:40s}" + "".join(cells))
    for name in columns[-1]["memory"]:
        lines.append(f"{name:40s}" + "".join(f"{column['memory'][name]:10,.0f} MB       "[:18] for column in columns))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
