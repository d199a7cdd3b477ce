"""The clock counts each second once, and all seconds of an evaluation are somewhere."""

import time
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure
from torch import nn

from multimodal import run
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.context import Measured
from multimodal.evaluation.evaluator import Evaluator
from multimodal.figures import run_figures
from multimodal.figures.run_figures import RunFigures
from tests.helpers.made_up_results import TRAINING, made_up_run


def test_a_block_inside_another_is_not_counted_twice(monkeypatch) -> None:
    now = iter([0.0, 1.0, 6.0, 10.0])  # the inner block lasts from 1 to 6
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Clock()
    with clock("outer"), clock("inner"):
        pass
    assert clock.seconds == {"inner": 5.0, "outer": 5.0}


def test_a_part_that_comes_again_is_added(monkeypatch) -> None:
    now = iter([0.0, 1.0, 6.0, 10.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Clock()
    for _ in range(2):
        with clock("part"):
            pass
    assert clock.seconds == {"part": 5.0}


def test_every_stage_of_an_evaluation_is_in_its_seconds(tmp_path, monkeypatch) -> None:
    """Measures and what they share, figures, files and tracking, each of which takes its time; nothing else does."""
    data, made_up = made_up_run(2, 3, 4)
    now = 0.0
    expected: dict[str, float] = {}

    def stage(name: str, result: object = None):
        def works(*_: object, **__: object) -> object:
            nonlocal now
            seconds = 1.0 + len(expected)
            expected[name] = expected.get(name, 0.0) + seconds
            now += seconds
            return result

        return works

    monkeypatch.setattr(time, "perf_counter", lambda: now)
    monkeypatch.setattr("multimodal.evaluation.context.predict", stage("predictions", made_up.predictions))
    judge = SimpleNamespace(fit=stage("image_judge"))

    def one(context) -> Measured:
        stage("one")()
        assert context.predictions is made_up.predictions
        assert context.trained_image_judge is None
        return Measured({"accuracy/both": 1.0})

    model = nn.Linear(1, 1)
    model.fusion = SimpleNamespace(modalities=("image", "text"))
    evaluator = Evaluator("none", 2, 0, 1, judge, {"one": one, "two": stage("two", Measured())})
    results = evaluator.evaluate(model, data, [])
    drawn = [name for name in vars(run_figures) if name.startswith("draw_")]
    for name in drawn:
        figure = Figure()
        monkeypatch.setattr(figure, "savefig", stage(name))
        monkeypatch.setattr(run_figures, name, stage(name, figure))
    monkeypatch.setattr(run, "fonts_for_all_scripts", nullcontext)
    for name in ("write_csv", "write_parquet"):
        monkeypatch.setattr(run, name, stage("files"))
    record = SimpleNamespace(title="", config={"training": TRAINING}, choices={}, seed=0, data_source="", fusion="")
    record.fingerprint = record.evaluation_key = ""
    monkeypatch.setattr(run, "write_run_page", stage("page", tmp_path / "run.html"))
    monkeypatch.setattr(run, "track_results", stage("tracking"))
    run.finish(tmp_path, record, data, [], results, RunFigures(3, 9, 0), SimpleNamespace(), tmp_path / "best.pt")
    figures = {"tsne": "draw_latent"} | {n: f"draw_{n}" for n in ("embeddings", "generation", "masking", "data_card")}
    figures |= {n: f"draw_{n}" for n in ("reliability", "confusion")}
    names = {f"figures/{name}": drawing for name, drawing in figures.items()}
    assert results.seconds.keys() == {
        "one",
        "two",
        "predictions",
        "image_judge",
        "derived",
        "files",
        "figures",
        "page",
        "tracking",
        *names,
    }
    for name, seconds in results.seconds.items():
        assert seconds == pytest.approx(expected.get(names.get(name, name), 0)), name
    assert sum(results.seconds.values()) == pytest.approx(now)
