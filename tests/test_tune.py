"""mode=tune: trials follow from the seed, go on where they stopped, never see the test split, and choose the best."""

import json
import math
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import median
from threading import Thread

import pytest
import yaml
from filelock import FileLock

from multimodal import tune as tuning
from multimodal.runs.build import read_data
from multimodal.runs.composition import compose
from multimodal.runs.space import parse_space
from multimodal.tune import Study, Trial, best_trial, final_composition, next_values, run_trials
from tests.helpers.command import BRIEF, command
from tests.helpers.pretrained import model_folder

pytest.importorskip("optuna", reason="Optuna is not installed: pip install '.[tune]'")

TEXTS = ["optimizer.lr=tag(log,interval(0.0003,0.01))", "head.label.dropout=0.0,0.1,0.3"]
SPACE = parse_space(TEXTS)
STUDY = Study(TEXTS, [1000, 1001], 0, [])
CURRENT = {"optimizer.lr": 0.001, "head.label.dropout": 0.1}
HEADS = ['mode.space=["fusion.num_heads=2,4"]', "mode.trials=2"]
COMPOSITION = compose(["mode=tune", "fusion=concat", "dataset.source=embedded"])


def searched(count: int, seed: int = 0) -> list[Trial]:
    """Trials that are better the nearer the learning rate is to 0.003."""
    study = replace(STUDY, sampler_seed=seed)
    for _ in range(count):
        values = next_values(SPACE, study, CURRENT)
        study = replace(study, trials=[*study.trials, Trial(values, 1 - abs(values["optimizer.lr"] - 0.003), "")])
    return study.trials


def scripted(monkeypatch: pytest.MonkeyPatch, *outcomes: float | Exception | type[BaseException]) -> list[dict]:
    """Let trainings have these outcomes; what they are asked for is returned."""
    asked, left = [], iter(outcomes)

    def train_trial(composition, data, folder):
        asked.append({"lr": composition.config.training.optimizer.lr, "seed": composition.config.seed, "data": data})
        outcome = next(left)
        if isinstance(outcome, float):
            return outcome
        raise outcome

    monkeypatch.setattr(tuning, "train_trial", train_trial)
    monkeypatch.setattr(tuning.gc, "collect", lambda: 0)  # there is no model
    return asked


def test_the_first_trial_has_the_settings_as_they_stand():
    assert next_values(SPACE, STUDY, CURRENT) == CURRENT
    outside = next_values(SPACE, STUDY, {"optimizer.lr": 0.5, "head.label.dropout": 0.1})
    assert outside["optimizer.lr"] != 0.5
    assert all(dimension.holds(outside[dimension.name]) for dimension in SPACE)


def test_the_seed_alone_decides_what_is_tried():
    trials = searched(14)
    assert searched(14) == trials
    assert searched(14, seed=1)[1:] != trials[1:]
    assert len({json.dumps(trial.values) for trial in trials}) > 10
    assert all(dimension.holds(trial.values[dimension.name]) for trial in trials for dimension in SPACE)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_after_ten_trials_the_search_stays_nearer_to_what_was_good(seed: int):
    distances = [abs(math.log(trial.values["optimizer.lr"] / 0.003)) for trial in searched(30, seed)]
    assert median(distances[10:]) < 0.75 * median(distances[1:10])


def test_a_failed_trial_is_recorded_and_the_search_goes_on(monkeypatch, tmp_path: Path):
    asked = scripted(monkeypatch, 0.5, 0.7, FloatingPointError("the loss was nan"), 0.8, 0.8)
    study = run_trials(COMPOSITION, "data", tmp_path / "study", STUDY, 3)
    assert [(trial.accuracy, trial.error) for trial in study.trials] == [
        (0.6, ""),  # the mean over both seeds
        (None, "FloatingPointError: the loss was nan"),
        (0.8, ""),
    ]
    assert [each["seed"] for each in asked] == [1000, 1001, 1000, 1000, 1001]
    assert asked[0]["lr"] == 0.001
    assert [asked[i]["lr"] for i in (2, 3)] == [study.trials[i].values["optimizer.lr"] for i in (1, 2)]


def test_a_study_goes_on_and_repeats_no_trial(monkeypatch, tmp_path: Path):
    folder = tmp_path / "study"
    scripted(monkeypatch, 0.5, 0.5, 0.6, 0.6, 0.7, 0.7, 0.8, 0.8)
    at_once = run_trials(COMPOSITION, "data", tmp_path / "other", STUDY, 4)
    scripted(monkeypatch, 0.5, 0.5, 0.6, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        run_trials(COMPOSITION, "data", folder, STUDY, 2)
    assert len(json.loads((folder / "study.json").read_text())["trials"]) == 1
    scripted(monkeypatch, 0.6, 0.6)
    run_trials(COMPOSITION, "data", folder, STUDY, 2)
    scripted(monkeypatch, 0.7, 0.7, 0.8, 0.8)
    assert run_trials(COMPOSITION, "data", folder, STUDY, 4) == at_once
    scripted(monkeypatch)
    assert run_trials(COMPOSITION, "data", folder, STUDY, 2) == at_once  # nothing is trained


@pytest.mark.parametrize("seed", range(3))
def test_no_setting_is_tried_twice_up_to_the_last_of_a_small_space(monkeypatch, tmp_path: Path, seed: int):
    texts = ["head.label.dropout=0.1,0.3,0.5", "dim=interval(7,8)"]
    study = replace(STUDY, space=texts, tuning_seeds=[1000], sampler_seed=seed)
    asked = scripted(monkeypatch, 0.9, 0.1, 0.1, FloatingPointError("the loss was nan"), 0.1, 0.1)
    trials = run_trials(COMPOSITION, "data", tmp_path / "study", study, 6).trials
    assert len(asked) == 6
    pairs = {(trial.values["head.label.dropout"], trial.values["dim"]) for trial in trials}
    assert pairs == set(product((0.1, 0.3, 0.5), (7, 8)))


def test_rounded_numbers_of_a_narrow_interval_are_tried_once_each():
    space = parse_space(["optimizer.lr=interval(0.001,0.00104)"])
    study = replace(STUDY, space=["optimizer.lr=interval(0.001,0.00104)"])
    for _ in range(5):
        values = next_values(space, study, {"optimizer.lr": 0.5})
        study = replace(study, trials=[*study.trials, Trial(values, 0.5, "")])
    assert sorted(trial.values["optimizer.lr"] for trial in study.trials) == [0.001, 0.00101, 0.00102, 0.00103, 0.00104]


def test_an_error_of_the_machine_is_no_failed_trial(monkeypatch, tmp_path: Path):
    scripted(monkeypatch, OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space"):
        run_trials(COMPOSITION, "data", tmp_path / "study", STUDY, 3)
    assert not (tmp_path / "study" / "study.json").exists()


def test_a_damaged_study_says_what_to_do(tmp_path: Path):
    (tmp_path / "study.json").write_text('{"trials": [')
    with pytest.raises(ValueError, match=r"study\.json cannot be read .* delete it to repeat its trials"):
        run_trials(COMPOSITION, "data", tmp_path, STUDY, 3)


def test_the_best_trial_is_the_earliest_of_the_highest():
    trials = [Trial({"dim": i}, accuracy, "") for i, accuracy in enumerate((0.5, None, 0.75, 0.75, 0.25))]
    assert best_trial(trials, Path("study")) is trials[2]
    with pytest.raises(ValueError, match=r"all 2 trials failed, the first by no memory; mend the settings, or delete"):
        best_trial([Trial({}, None, "no memory"), Trial({}, None, "")], Path("study"))


@pytest.fixture
def toy_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve a config without data."""
    monkeypatch.setattr(tuning, "resolve", lambda cfg, data, precision: {"a": cfg.optimizer.lr, "b": cfg.dim})


class FakeTrainer:
    precision = "32-true"


@pytest.mark.usefixtures("toy_training")
def test_a_final_run_has_the_choice_on_its_command_line_and_the_search_in_its_record():
    given = ["mode=tune", "mode.trials=2", "fusion=concat", "seed=3", "optimizer.lr=0.002"]
    study = replace(STUDY, trials=[Trial(CURRENT, 0.5, ""), Trial(CURRENT | {"optimizer.lr": 0.004}, 0.6, "")])
    study = replace(study, trials=[*study.trials, Trial(CURRENT, None, "later, by another command")])
    composition = replace(compose(given), multirun=False)
    final = final_composition(composition, None, FakeTrainer(), study, 2, study.trials[1])
    assert final.overrides == ["fusion=concat", "seed=3", "optimizer.lr=0.004", "head.label.dropout=0.1"]
    assert final.config.training.optimizer.lr == 0.004
    assert final.multirun  # output_dir is the folder of all runs
    assert final.tuning == {
        "space": TEXTS,
        "trials": 2,
        "failed": 0,
        "tuning_seeds": [1000, 1001],
        "sampler_seed": 0,
        "chosen": {"optimizer.lr": 0.004, "head.label.dropout": 0.1},
        "trial": 2,
        "validation_accuracy": 0.6,
        "untuned": {"a": 0.002},
        "command": given,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mode.trials=0"], "mode.trials must be a whole number of 1 or more"),
        (['mode.space=["dim=8,16"]'], "mode.trials=20, but mode.space has only 2 different settings"),
        (["fusion=atention"], "fusion has no option atention; did you mean attention?"),
        (["mode.tuning_seeds=[1]", "seed=1"], "mode.tuning_seeds and seed both have 1"),
        (["-m", "mode.tuning_seeds=[5]", "seed=0,1,5"], "mode.tuning_seeds and seed both have 5"),
        (["-m", "mode.tuning_seeds=0", "seed=0,1"], "mode.tuning_seeds must be a list of whole numbers, got 0"),
        (["-m", *HEADS, "fusion=attention,concat"], "no setting fusion.num_heads"),
        (["checkpoint=runs/x"], "checkpoint needs mode=evaluate or mode=generate or mode=export, or checkpoint=null"),
        (['text="a seven"'], "text needs mode=generate, or text=null to train"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(tmp_path: Path, arguments: list[str], message: str):
    """In a sweep too: before its first job, though only the last would fail."""
    done = command(tmp_path, "mode=tune", *BRIEF, "tracking=disabled", *arguments)
    assert done.status == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert not (tmp_path / "runs" / "tuning").exists()


def test_without_optuna_the_command_to_install_it_is_named(monkeypatch):
    monkeypatch.setattr(tuning.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"mode=tune needs Optuna: pip install 'multimodal-suite\[tune\]'"):
        tuning.check_installed()


def test_a_trial_reads_subwords_and_frozen_features_as_the_final_run_does(monkeypatch, tmp_path: Path):
    image = ["encoder/image=timm", "encoder.image.name=test_resnet", "encoder.image.weights=none"]
    text = ["encoder/text=transformers", f"encoder.text.name={model_folder()}"]
    small = ["dataset.source=embedded", "dataset.limit=40", "encoder.image.size=64", f"cache_dir={tmp_path}"]
    composition = compose(["mode=tune", *image, *text, *small])
    given = []

    def fit(trainer, model, loss, data, *others, **named):
        given.append(data.splits)
        raise KeyboardInterrupt

    monkeypatch.setattr(tuning.Trainer, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        tuning.train_trial(composition, tuning.without_test(read_data(composition.config)), tmp_path)
    (splits,) = given
    assert set(splits) == {"train", "validation"}
    for split in splits.values():
        assert split.subwords is not None
        assert set(split.features) == {"image", "text"}


def test_a_job_that_waits_for_the_search_of_another_says_so(tmp_path: Path, caplog):
    caplog.set_level("INFO", "multimodal.tune")
    order = []

    def wait() -> None:
        with tuning.alone(tmp_path / ".lock", tmp_path / "mnist-concat-abc"):
            order.append("searched")

    waiting, end = Thread(target=wait, daemon=True), time.monotonic() + 30
    with FileLock(tmp_path / ".lock"):
        waiting.start()
        while not caplog.messages:
            assert waiting.is_alive()
            assert time.monotonic() < end
            waiting.join(0.01)
        order.append("released")
    waiting.join(30)
    assert order == ["released", "searched"]
    (message,) = caplog.messages
    assert "mnist-concat-abc, and this one waits for it" in message
    assert "with seed before fusion" in message
    wait()
    assert (order, len(caplog.messages)) == (["released", "searched", "searched"], 1)  # nobody searches any more


@pytest.mark.slow
def test_a_tuned_comparison_from_end_to_end(tmp_path: Path, monkeypatch):
    """Each fusion is searched once for both of its final seeds, on data without a test split; more trials add to it."""
    trained = []
    fit = tuning.train_trial

    def watched(composition, data, folder):
        trained.append((composition.choices["fusion"], composition.config.seed, sorted(data.splits)))
        return fit(composition, data, folder)

    monkeypatch.setattr(tuning, "train_trial", watched)
    line = ["-m", "mode=tune", *BRIEF, "tracking=disabled", "fusion=concat,image_only", "seed=0,1"]
    done = command(tmp_path, *line, "mode.trials=3")
    assert done.status == 0, done.stderr
    assert trained == [(name, 1000, ["train", "validation"]) for name in ("concat", "image_only") for _ in range(3)]
    runs = sorted(path.parent for path in (tmp_path / "runs").glob("*/metrics.json"))
    assert [run.name.rpartition("-")[0] for run in runs] == [
        f"mnist-{fusion}-s{seed}" for fusion in ("concat", "image_only") for seed in (0, 1)
    ]
    records = [yaml.safe_load((run / "config.yaml").read_text())["record"] for run in runs]
    for one, other in (records[:2], records[2:]):
        assert one["tuning"]["chosen"] == other["tuning"]["chosen"]
        assert (one["tuning"]["trials"], one["tuning"]["failed"]) == (3, 0)
    studies = {path.name: path for path in (tmp_path / "runs" / "tuning").iterdir() if path.is_dir()}
    assert len(studies) == 2
    for folder in studies.values():
        study = json.loads((folder / "study.json").read_text())
        assert len(study["trials"]) == 3
        assert not list(folder.rglob("*.pt"))
        assert len(list(folder.glob("*/history.csv"))) == 3
    report = (tmp_path / "runs" / "report.md").read_text()
    assert "tuned: 3 trials per fusion over optimizer.lr 0.0003 to 0.01 (log)" in report
    assert "- [x] **Equal tuning**: 3 trials for each fusion" in report
    assert "## Tuning" in report

    trained.clear()
    again = command(tmp_path, *line, "mode.trials=3")
    assert (again.status, trained) == (0, [])
    more = command(tmp_path, *line, "mode.trials=4")
    assert (more.status, len(trained)) == (0, 2)
    report = (tmp_path / "runs" / "report.md").read_text()
    assert "tuned: 4 trials per fusion" in report
    ordinary = command(tmp_path, *records[0]["overrides"], "output_dir=runs/again")
    assert ordinary.status == 0, ordinary.stderr
    repeated = yaml.safe_load((tmp_path / "runs" / "again" / "config.yaml").read_text())["record"]
    assert (repeated["key"], repeated["tuning"]) == (records[0]["key"], None)  # the same training, without the search
