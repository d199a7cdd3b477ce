"""What a tracker gets of a finished run."""

from pathlib import Path
from types import SimpleNamespace

from multimodal.tracking.results import track_results
from multimodal.tracking.tracker import Detail
from tests.helpers.made_up_results import TRAINING, made_up_run

HISTORY = [{"step": step, "train/loss": 1 / step, "validation/loss": abs(step - 20)} for step in (10, 20, 30)]
FILES = {"tsne": Path("tsne.png"), "checkpoint": Path("best.pt"), "data_card": Path("data_card.json")}


def sent(checkpoint: str | None = None, **detail) -> SimpleNamespace:
    """What a tracker gets, in the order of the calls."""
    data, results = made_up_run(3, 4, 5)
    record = SimpleNamespace(dataset="toy", data_source="embedded", fingerprint="f" * 64, name="toy-concat-s0-key")
    record.fusion, record.seed, record.config, record.checkpoint = "concat", 0, {"training": TRAINING}, checkpoint
    got = SimpleNamespace(calls=[], artifacts=[])
    got.detail = Detail(**({"every": 50, "test_samples": 5, "watched_samples": 0, "artifacts": True} | detail))
    got.summary = lambda values: got.calls.append(("summary", values))
    got.figures = lambda files: got.calls.append(("figures", files))
    got.table = lambda name, rows: got.calls.append((name, len(rows)))
    got.artifact = got.artifacts.append
    track_results(got, record, data, HISTORY, results, FILES)
    return got


def test_the_summary_is_last_and_has_the_values_of_the_kept_checkpoint() -> None:
    figures, table, (name, values) = sent().calls
    assert figures == ("figures", {"tsne": Path("tsne.png")})
    assert table == ("predictions/test", 5)
    assert name == "summary"
    kept = {name: value for name, value in values.items() if not name.startswith("test/")}
    assert kept == {"kept_step": 20, "train/loss": 1 / 20, "validation/loss": 0}
    assert values["test/availability/mean"] == 0.5
    assert values["test/availability/worst"] is None


def test_a_training_used_the_data_and_produced_the_model_which_names_the_data() -> None:
    data, model = sent().artifacts
    assert (data.name, data.kind, data.produced) == ("toy-embedded-ffffffff", "dataset", False)
    assert (data.files, data.metadata["fingerprint"]) == ([Path("data_card.json")], "f" * 64)
    assert (model.name, model.kind, model.produced) == ("toy-concat-s0-key", "model", True)
    assert (model.files, model.metadata["data"], model.metadata["step"]) == ([Path("best.pt")], data.name, 20)
    assert model.metadata["availability/mean"] == 0.5
    assert len(model.metadata) <= 100  # W&B refuses more


def test_an_evaluation_used_both_and_says_nothing_of_the_training() -> None:
    got = sent(checkpoint="digest")
    assert [artifact.produced for artifact in got.artifacts] == [False, False]
    assert all(name.startswith("test/") for name in got.calls[-1][1])


def test_what_is_switched_off_is_not_sent() -> None:
    got = sent(test_samples=0, artifacts=False)
    assert got.artifacts == []
    assert [name for name, _ in got.calls] == ["figures", "summary"]
