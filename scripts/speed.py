"""Measure the speed of training and evaluation, and print it as a Markdown table.

python scripts/speed.py dataset=mnist dataset.source=embedded
python scripts/speed.py --against ../another-checkout dataset=animals dataset.source=embedded

The sides of every ratio are timed in turn, `--repeats` times after one time that warms up; the table has medians and
ranges. With `--against`, training alone is measured, here and in another checkout, each by its own command.
"""

import argparse
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from multimodal.dataset.data import Data
from multimodal.dataset.reading.sources import read_source
from multimodal.evaluation.cost import uncounted_kernels_off
from multimodal.evaluation.predict import predict
from multimodal.io import read_csv
from multimodal.runs.build import build_loss, build_model, read_data
from multimodal.runs.composition import compose
from multimodal.training.sampler import BatchSampler
from multimodal.training.training_step import ExactBatch
from multimodal.types import BOS, EOS, PAD, UNK, Batch

HERE = Path(__file__).resolve().parent.parent
WARM_UP = 5  # steps before a clock starts
SIDE = 2048  # of the square matrices whose product is the limit
# the command trains as in a run, and measures next to nothing afterwards
TRAIN_ONLY = ["tracking=disabled", "resume=false", "evaluation.figures=null", "training.num_validations=2"]
MEASURES = ("captions", "images", "beam_search", "baselines", "retrieval", "latent", "interaction", "attention", "cost")
TRAIN_ONLY += [f"evaluation.measures.{name}=null" for name in MEASURES]
Seen = dict[str, list[float]]


@dataclass
class Bench:
    """What every side is timed on.

    Args:
        cfg: the whole config.
        overrides: the command line's, from which it was composed.
        data: read once.
        steps: training steps that a side is timed over.
    """

    cfg: DictConfig
    overrides: list[str]
    data: Data
    steps: int

    def trainer(self, **settings: Any) -> Any:
        """Build the trainer of the config with other settings."""
        return instantiate(self.cfg.training, **settings, _convert_="all")

    def training_step(self) -> tuple[Any, Any, Any, Batch]:
        """Return the trainer, the module that it wraps, its optimizer, and a batch that misses as much as it should."""
        trainer = self.trainer()
        step = trainer.training_step(build_model(self.cfg, self.data), build_loss(self.cfg, self.data), self.data)
        module, state = trainer.start(trainer.fabric, step, self.steps)
        train, size = self.data.splits["train"], self.cfg.training.batch_size
        batches = BatchSampler(train, self.data.augment, size, trainer.modality_dropout, 0, trainer.fabric)
        share = 1 - self.cfg.training.modality_dropout.image  # an absent image is not encoded and costs nothing
        drawn = (batches.at(i) for i in range(20))
        return (
            trainer,
            module,
            state.optimizer,
            min(drawn, key=lambda b: abs(b.present["image"].float().mean() - share)),
        )


def trainer_speed(bench: Bench) -> float:
    """Return the samples a second that the trainer reports of itself, after a first half that warms up."""
    trainer = bench.trainer(steps=2 * bench.steps, epochs=None, num_validations=2)
    model, loss = build_model(bench.cfg, bench.data), build_loss(bench.cfg, bench.data)
    with tempfile.TemporaryDirectory() as folder:
        saved = {"record": {}, "vocabulary": []}
        history = trainer.fit(model, loss, bench.data, Path(folder), 0, lambda row: None, saved)
    return history[1]["train/samples_per_s"]


def fixed_batch_speed(bench: Bench) -> float:
    """Return the samples a second of the trainer's step on one batch in memory."""
    trainer, module, optimizer, batch = bench.training_step()
    for step in range(WARM_UP + bench.steps):
        if step == WARM_UP:
            began = time.perf_counter()
        trainer.take_step(trainer.fabric, module, optimizer, batch)
    return bench.steps * len(batch.label) / (time.perf_counter() - began)


class PlainDataset(Dataset):
    """Decodes and tokenises each time that it is asked."""

    def __init__(self, cfg: DictConfig, rows: datasets.Dataset, words: dict[str, int]) -> None:
        self.cfg, self.rows, self.words = cfg, rows, words

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Return an image (C, H, W), tokens of full length, and a label."""
        row, size = self.rows[i], self.cfg.image_size
        image = row["image"].convert("L" if self.cfg.channels == 1 else "RGB").resize((size, size))
        pixels = torch.from_numpy(np.atleast_3d(np.array(image))).permute(2, 0, 1).float() / 255
        words = row["caption"].lower().replace(",", " ,").replace(".", " .").split()[: self.cfg.max_words]
        tokens = [BOS, *(self.words.get(word, UNK) for word in words), EOS]
        return pixels, torch.tensor(tokens + [PAD] * (self.cfg.max_words + 2 - len(tokens))), row["label"]


def plain_speed(bench: Bench) -> float:
    """Return the samples a second of the script that one would write first, with the same model.

    It decodes and tokenises in `__getitem__`, has the default `DataLoader`, float32, captions padded to the most words
    and four `.item()` a step. It drops no modality; the trainer does not encode what it drops.
    """
    cfg, data = bench.cfg, bench.data
    embedded = instantiate(cfg.dataset.embedded)
    rows = read_source(cfg.dataset.source, cfg.dataset.path, cfg.dataset.hub_id, embedded)[0]["train"]
    loader = DataLoader(PlainDataset(cfg.dataset, rows, data.vocabulary.numbers), cfg.training.batch_size, shuffle=True)
    model, loss = build_model(cfg, data), build_loss(cfg, data)
    optimizer = torch.optim.AdamW([*model.parameters(), *loss.parameters()], cfg.optimizer.lr)
    batches = (batch for _ in iter(int, 1) for batch in loader)  # epoch after epoch
    for step in range(WARM_UP + bench.steps):
        if step == WARM_UP:
            began = time.perf_counter()
        image, tokens, label = next(batches)
        present = torch.ones(len(label), dtype=torch.bool)
        batch = Batch(image, tokens, label, label, {"image": present, "text": present}, torch.arange(len(label)))
        terms = loss(model(batch), batch)
        optimizer.zero_grad()
        terms["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), cfg.training.gradient_clip_norm)
        optimizer.step()
        [terms[name].item() for name in ("loss", "label", "image", "text")]
    return bench.steps * cfg.training.batch_size / (time.perf_counter() - began)


def matrix_product(bench: Bench) -> float:
    """Return the FLOP/s of the product of two large matrices in the trainer's precision."""
    trainer = bench.trainer()
    dtype = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(trainer.precision, torch.float32)
    x = torch.randn(SIDE, SIDE, device=trainer.fabric.device).to(dtype)
    float((x @ x)[0, 0])  # warm, and waits for a GPU
    began = time.perf_counter()
    for _ in range(4):
        y = x @ x
    float(y[0, 0])
    return 4 * 2 * SIDE**3 / (time.perf_counter() - began)


@torch.no_grad()
def forward_seconds(bench: Bench) -> float:
    """Return the seconds of one forward pass over the test split."""
    model, test = build_model(bench.cfg, bench.data).eval(), bench.data.splits["test"]
    began = time.perf_counter()
    for batch in test.batches(bench.cfg.evaluation.batch_size):
        model(batch)
    return time.perf_counter() - began


def prediction_seconds(bench: Bench) -> float:
    """Return the seconds of the test split's predictions under every condition, with greedy captions and images.

    The model is not trained, so its captions do not end before the longest.
    """
    model, test = build_model(bench.cfg, bench.data).eval(), bench.data.splits["test"]
    began = time.perf_counter()
    predict(model, test, bench.cfg.evaluation.batch_size)
    return time.perf_counter() - began


def flops_per_sample(bench: Bench) -> float:
    """Count the operations of a step's matrix products and convolutions, forward and backward, for one sample."""
    trainer, module, _, batch = bench.training_step()
    with uncounted_kernels_off(), FlopCounterMode(display=False) as counter:
        trainer.fabric.backward(module(ExactBatch(batch))["loss"])
    return counter.get_total_flops() / len(batch.label)


def commands(checkout: Path, overrides: Sequence[str], steps: int, jobs: int, threads: int) -> tuple[float, float]:
    """Train by the command of a checkout, in several processes at a time.

    Args:
        checkout: its folder.
        overrides: of its command line.
        steps: training steps.
        jobs: number of processes.
        threads: of each process.

    Returns:
        Samples a second of all processes together, in the second half of each; and the seconds from the command to the
        first validation's row on the disk.
    """
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        outputs = [Path(folder) / str(job) for job in range(jobs)]
        line = [sys.executable, "scripts/run.py", *overrides, *TRAIN_ONLY, f"training.steps={steps}"]
        logs = [stack.enter_context(output.with_suffix(".log").open("w")) for output in outputs]
        began = time.perf_counter()
        running = [
            subprocess.Popen([*line, f"output_dir={output}"], cwd=checkout, env=environment, stdout=log, stderr=log)
            for output, log in zip(outputs, logs, strict=True)
        ]
        histories = [output / "history.csv" for output in outputs]
        while not histories[0].exists() and running[0].poll() is None:
            time.sleep(0.01)
        first = time.perf_counter() - began
        failed = [process.wait() for process in running]
        if any(failed):
            raise SystemExit(f"{' '.join(line)} failed in {checkout}:\n{outputs[0].with_suffix('.log').read_text()}")
        return sum(read_csv(history)[-1]["train/samples_per_s"] for history in histories), first


def in_turn(sides: dict[str, Callable[[], float]], repeats: int, warm_up: bool = True) -> Seen:
    """Run every side once, then all of them in turn, and return what each gave: {side: one value per repeat}."""
    seen: Seen = {name: [] for name in sides}
    for i in range(repeats + warm_up):
        for name, side in sides.items():
            value = side()
            if i >= warm_up:
                seen[name].append(value)
    return seen


def quotient(over: list[float], under: list[float]) -> list[float]:
    """Divide what two sides gave, repeat by repeat."""
    return [x / y for x, y in zip(over, under, strict=True)]


def number(value: float) -> str:
    """Format a number with three digits: `0.957`, `12.3`, `1,240`."""
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}" if value else "0"


def table(rows: dict[str, list[float]]) -> str:
    """Format {measure: its values} as a Markdown table of medians and ranges."""
    lines = ["| measure | median | range |", "|---|---|---|"]
    for name, values in rows.items():
        spread = f"{number(min(values))} to {number(max(values))}" if len(values) > 1 else ""
        lines.append(f"| {name} | {number(statistics.median(values))} | {spread} |")
    return "\n".join(lines)


def measure(bench: Bench, repeats: int) -> dict[str, list[float]]:
    """Measure everything but another checkout: {measure: one value per repeat}."""
    here: dict[str, Callable[[Bench], float]] = {
        "trainer": trainer_speed,
        "fixed": fixed_batch_speed,
        "plain": plain_speed,
        "product": matrix_product,
    }
    seen = in_turn({name: lambda side=side: side(bench) for name, side in here.items()}, repeats)
    tests = in_turn({"forward": lambda: forward_seconds(bench), "predict": lambda: prediction_seconds(bench)}, repeats)
    flops, threads = flops_per_sample(bench), torch.get_num_threads()
    firsts: list[float] = []

    def jobs(count: int) -> float:
        speed, first = commands(HERE, bench.overrides, 2 * bench.steps, count, max(1, threads // count))
        firsts.extend([first] if count == 1 else [])
        return speed

    processes = in_turn({"one": lambda: jobs(1), "two": lambda: jobs(2)}, repeats, warm_up=False)
    achieved = [speed * flops for speed in seen["fixed"]]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "training, samples/s": seen["trainer"],
        "training / one fixed batch": quotient(seen["trainer"], seen["fixed"]),
        "training / plain script": quotient(seen["trainer"], seen["plain"]),
        "MFLOP a sample, forward and backward": [flops / 1e6],
        "GFLOP/s of the fixed batch": [value / 1e9 for value in achieved],
        "GFLOP/s of a matrix product, same precision": [value / 1e9 for value in seen["product"]],
        "fixed batch / matrix product": quotient(achieved, seen["product"]),
        "command to first validation on disk, s": firsts,
        "predictions of every condition / forward pass": quotient(tests["predict"], tests["forward"]),
        "two jobs side by side / one after the other": quotient(processes["two"], processes["one"]),
        "peak memory of a training process, MB": [peak / 1e6],
    }


def compare(other: Path, overrides: list[str], steps: int, repeats: int) -> dict[str, list[float]]:
    """Measure training here and in another checkout: {measure: one value per repeat}."""
    threads = torch.get_num_threads()
    sides = {"here": HERE, "there": other}
    seen = in_turn(
        {
            name: lambda place=place: commands(place, overrides, 2 * steps, 1, threads)[0]
            for name, place in sides.items()
        },
        repeats,
        warm_up=False,
    )
    return {
        f"training here ({HERE.name}), samples/s": seen["here"],
        f"training there ({other.name}), samples/s": seen["there"],
        "here / there": quotient(seen["here"], seen["there"]),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="folder of another checkout to compare training with")
    parser.add_argument("--repeats", type=int, default=5, help="times that each side is timed (%(default)s)")
    parser.add_argument("--steps", type=int, default=40, help="training steps of one timing (%(default)s)")
    parser.add_argument("overrides", nargs="*", help="settings, as for scripts/run.py")
    given = parser.parse_args(arguments)
    if min(given.repeats, given.steps) < 1:
        parser.error("--repeats and --steps must be 1 or more")
    if given.against is not None:
        other = given.against.resolve()
        if not (other / "scripts" / "run.py").is_file():
            parser.error(f"--against: there is no scripts/run.py in {given.against}")
        print(table(compare(other, given.overrides, given.steps, given.repeats)))
        return
    cfg = compose(given.overrides).config
    print(table(measure(Bench(cfg, given.overrides, read_data(cfg), given.steps), given.repeats)))


if __name__ == "__main__":
    main()
