"""Folders of made-up runs, as training leaves them, for the tests of the comparison."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from multimodal.comparison import report
from multimodal.io import write_csv, write_json
from multimodal.runs.job import JobRecord
from multimodal.runs.record import RunRecord

STEPS = (0.0, 0.5, 1.0)
BASELINES = {"mean_image": {"text_to_image/ssim": 0.2}, "frequent_caption": {"image_to_text/bleu4": 0.1}}
FIGURE = (2000, 500)  # pixels of generation.png


def make_run(
    sweep: Path,
    fusion: str,
    seed: int,
    better: float = 0.0,
    dataset: str = "toy",
    source: str = "embedded",
    steps: int = 4,
    metrics: dict[str, float | None] | None = None,
    undefined: dict[str, str] | None = None,
    overrides: tuple[str, ...] = (),
) -> Path:
    """A run that is right more often by `better`; seeds differ a little, and alike for every fusion."""
    folder = sweep / f"{dataset}-{fusion}-s{seed}-{source}"
    folder.mkdir(parents=True)
    right = 0.8 + better + 0.0012 * seed
    rows = [
        {"no_image": i, "no_text": t, "accuracy": right - 0.1 * i - 0.2 * t} for i in STEPS for t in STEPS if i + t <= 1
    ]
    found = {f"accuracy/{c}": right for c in ("both", "image", "text")} | {"availability/mean": right}
    found |= {"availability/worst": right - 0.2, "interaction/emap_gap": 0.01, "cost/parameters": 1_234_567}
    found |= {"text_to_image/ssim": 0.5 + better, "image_to_text/class_coherence": right, "image_to_text/bleu4": 0.3}
    found |= {"judge/accuracy": 0.99, "judge/caption_accuracy": 1.0} | (metrics or {})
    kept = found | {"undefined": undefined or {}, "baselines": BASELINES, "availability/surface": rows}
    choices = {"dataset": dataset, "fusion": fusion, "caption": "original"}
    write_json(kept | {"choices": choices, "seed": seed, "data_source": source}, folder / "metrics.json")
    RunRecord(
        config={"dataset": {"name": dataset}, "seed": seed},
        choices=choices,
        overrides=list(overrides),
        data_source=source,
        fingerprint=f"print of {dataset}",
        weights={"image": "random", "text": "random"},
        checkpoint=None,
        key=folder.name,
        evaluation_key="",
        code="",
        fusion_code="",
    ).write(folder)
    history = [{"step": 10.0 * i, "validation/loss": 2.0 - 0.1 * i + 0.01 * seed} for i in range(1, steps + 1)]
    write_csv(history, folder / "history.csv")
    classes = {"train": {"a": 5, "b": 6}, "validation": {"a": 1, "b": 2}, "test": {"a": 3, "b": 3}}
    write_json({"classes": classes}, folder / "data_card.json")
    Image.linear_gradient("L").resize(FIGURE).save(folder / "generation.png")
    return folder


def only_text_and_forest(patch: pytest.MonkeyPatch) -> None:
    """Write reports without figures of runs, and the forest plot as pixels only: a PDF's fonts take longest.

    tests/comparison/test_report.py has the whole.
    """
    save = report.save_figure
    patch.setattr(report, "figure_sections", lambda groups, widest: [])
    patch.setattr(report, "save_figure", lambda figure, file: file.suffix == ".pdf" or save(figure, file))


def record(where: Path, **facts: Any) -> None:
    """A job's record, as the sweep leaves it."""
    JobRecord(**({"sweep": "", "dataset": "toy", "fusion": "attention", "seed": 0} | facts)).write(where)


def make_sweep(sweep: Path, seeds: int = 6, better: float = 0.02, dataset: str = "toy") -> None:
    """Attention beside concat, all jobs recorded, one failed."""
    for seed in range(seeds):
        for fusion, more in (("attention", better), ("concat", 0.0)):
            overrides = [f"dataset={dataset}", f"fusion={fusion}", f"seed={seed}", "text='a cat, ears up'"]
            folder = make_run(sweep, fusion, seed, more, dataset, overrides=tuple(overrides))
            record(sweep, status="finished", folder=str(folder), overrides=overrides)
    trace = "Traceback:\n  in train\nValueError: got <script>alert(1)</script> | 0"
    error = trace.splitlines()[-1]
    record(sweep, status="failed", overrides=["fusion=gated", "seed=0"], error=error, traceback=trace)
