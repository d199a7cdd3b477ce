"""Made-up runs of two fusions, with the differences known, for the tests of what is said of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from multimodal.comparison.fusion_tests import compare_fusions
from multimodal.comparison.pairwise_test import PairwiseTest
from multimodal.comparison.reading import Run
from multimodal.io import write_parquet
from multimodal.metric.catalogue import compared

SPREAD = np.array([-0.002, 0.002, -0.001, 0.001, 0.0015, -0.0015, 0.0, 0.0])  # mean 0 over six and over eight


def made_up_run(fusion: str, seed: int, value: float, dataset: str = "mnist", split: int = 0, **other: str) -> Run:
    """A run with this value for every metric that is compared."""
    metrics = {spec.name: value for spec in compared()}
    facts = {"source": "embedded", "fingerprint": "f", "setting": ""} | other
    nothing = {"undefined": {}, "baselines": {}, "surface": [], "history": [], "config": {}}
    seeds = {"seed": seed, "dataset_seed": split}
    return Run(folder=Path("none"), dataset=dataset, fusion=fusion, metrics=metrics, **seeds, **facts, **nothing)


def two_fusions(difference: float, seeds: int = 6, spread: float = 1.0, **other: str) -> list[Run]:
    """attention - concat = difference in the mean, the seeds' own level the same for both."""
    level = 0.8 + 0.01 * np.arange(seeds)
    first = level + difference + spread * SPREAD[:seeds]
    pairs = (("attention", first), ("concat", level))
    return [made_up_run(fusion, seed, x, **other) for fusion, values in pairs for seed, x in enumerate(values.tolist())]


def primary_test(runs: list[Run], margin: float = 0.01) -> PairwiseTest:
    """The first test of the primary metric."""
    return compare_fusions(runs, margin)[0]


def with_samples(fusion: str, seed: int, folder: Path, size: int = 240) -> Run:
    """A run of random answers with its `predictions.parquet`, and the metrics that follow from it."""
    rng = np.random.default_rng([seed, len(fusion)])
    label = np.random.default_rng(0).integers(3, size=size)
    columns: dict[str, np.ndarray] = {"label": label}
    columns |= {f"{task}/class_coherent": rng.random(size) < 0.5 for task in ("image_to_text", "text_to_image")}
    columns["text_to_image/attributes"] = rng.integers(4, size=size) / 3
    for name in ("both", "image", "text"):
        columns[f"predicted/{name}"] = np.where(rng.random(size) < 0.7, label, label + 1)
        columns[f"correct/{name}"] = columns[f"predicted/{name}"] == label
    metrics = {f"accuracy/{name}": float(columns[f"correct/{name}"].mean()) for name in ("both", "image", "text")}
    metrics["availability/mean"] = float(np.mean(list(metrics.values())))
    for task in ("image_to_text", "text_to_image"):
        metrics[f"{task}/class_coherence"] = float(columns[f"{task}/class_coherent"].mean())
    metrics["text_to_image/attribute_accuracy"] = float(columns["text_to_image/attributes"].mean())
    return saved(made_up_run(fusion, seed, 0.0), folder, columns, metrics)


def answering(fusion: str, seed: int, folder: Path, wrong: int, size: int = 300) -> Run:
    """A run that is wrong on the first so many samples, whatever it is given."""
    right = np.arange(size) >= wrong
    columns = {"label": np.zeros(size, int)}
    columns |= {f"predicted/{name}": (~right).astype(int) for name in ("both", "image", "text")}
    columns |= {f"correct/{name}": right for name in ("both", "image", "text")}
    columns |= {"text_to_image/class_coherent": right, "text_to_image/attributes": np.full(size, 0.5)}
    run = made_up_run(fusion, seed, 0.5)
    names = ("accuracy/both", "accuracy/image", "accuracy/text", "availability/mean")
    means = dict.fromkeys(names, float(right.mean()))
    return saved(run, folder, columns, run.metrics | means)


def saved(run: Run, folder: Path, columns: dict[str, np.ndarray], metrics: dict[str, float]) -> Run:
    """The run with these metrics, in a folder with the columns."""
    folder.mkdir()
    write_parquet({name: values.tolist() for name, values in columns.items()}, folder / "predictions.parquet")
    return replace(run, folder=folder, metrics=metrics)
