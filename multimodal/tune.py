"""mode=tune: choose settings on the validation split by Optuna, then train and evaluate at the best ones.

Every trial is one training, whose score is the accuracy with both modalities on the validation split. The study of a
fusion is a JSON file; Optuna's own study is built from it for each trial, so that one that was interrupted goes on
with what it would have tried anyway.
"""

import gc
import hashlib
import importlib.util
import json
import logging
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from hydra.utils import instantiate
from omegaconf import DictConfig

from multimodal.comparison.run_labels import flat
from multimodal.dataset.data import Data
from multimodal.errors import checked, read_object
from multimodal.io import write_json
from multimodal.paths import expanded
from multimodal.run import beside_weights, prepare_training, train
from multimodal.runs.build import build_loss, build_model, read_data, resolve
from multimodal.runs.composition import Composition
from multimodal.runs.features import with_features, with_subwords
from multimodal.runs.overrides import parse
from multimodal.runs.record import RunRecord, training_record
from multimodal.runs.run_dir import make_writable
from multimodal.runs.settings import explain
from multimodal.runs.space import Dimension, check_tuning, current_values, read_space, value_text, with_values
from multimodal.tracking.tracker import Tracker
from multimodal.training.trainer import Trainer, accuracy

log = logging.getLogger(__name__)

FOLDER = "tuning"  # of the studies, beside the runs
CHECKPOINTS = ("best.pt", "last.pt")  # of a trial, deleted when it has its score


@dataclass(frozen=True)
class Trial:
    """A trial of a study.

    Args:
        values: {setting: value}.
        accuracy: on the validation split with both modalities, mean over the tuning seeds; None if it failed.
        error: why it failed, in a line; empty if it did not.
    """

    values: dict[str, Any]
    accuracy: float | None
    error: str


@dataclass(frozen=True)
class Study:
    """The search for the settings of one fusion.

    Args:
        space: of the search, as configured.
        tuning_seeds: seeds of each trial.
        sampler_seed: seed of the search.
        trials: the finished ones, in order.
    """

    space: list[str]
    tuning_seeds: list[int]
    sampler_seed: int
    trials: list[Trial]


def tune(
    composition: Composition,
    tracker: Tracker,
    space: list[str],
    trials: int,
    tuning_seeds: list[int],
    sampler_seed: int,
) -> Path:
    """Run the trials that are missing, then train and evaluate with `seed` at the best one's settings.

    Args:
        composition: its `output_dir` is the folder of all runs, also outside of a sweep.
        tracker: of the final run; trials are not tracked.
        space: settings with their values, see `parse_space`.
        trials: number of them.
        tuning_seeds: seeds of each trial.
        sampler_seed: seed of the search.

    Returns:
        The folder of the final run.
    """
    cfg = composition.config
    check_installed()
    check_tuning(cfg)
    trainer, *_ = prepare_training(composition)
    place = expanded(cfg.output_dir or "runs") / FOLDER
    make_writable(place)
    data = without_test(read_data(cfg))
    study = Study(list(space), list(tuning_seeds), sampler_seed, [])
    folder = place / study_name(composition, data, trainer, study)
    with alone(place / f".{folder.name}.lock", folder):
        study = run_trials(composition, data, folder, study, trials)
    best = best_trial(study.trials[:trials], folder)
    return train(final_composition(composition, data, trainer, study, trials, best), tracker)


def alone(lock_file: Path, folder: Path) -> AbstractContextManager[object]:
    """Wait, and say so, while another job has the lock, which is released at the end of a `with`."""
    lock = FileLock(lock_file)
    try:
        return lock.acquire(blocking=False)
    except Timeout:
        log.info(
            "another job searches in %s, and this one waits for it; in a sweep with seed before fusion "
            "jobs side by side search for different fusions",
            folder,
        )
        return lock.acquire()


def check_installed() -> None:
    """Raise ValueError if Optuna is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise ValueError("mode=tune needs Optuna: pip install 'multimodal-suite[tune]'")


def without_test(data: Data) -> Data:
    """Return the data without the test split, so that no trial can read it."""
    return replace(data, splits={name: split for name, split in data.splits.items() if name != "test"})


def study_name(composition: Composition, data: Data, trainer: Trainer, study: Study) -> str:
    """Return the name of a study's folder: the same for the same settings, code, data, space and seeds."""
    first = with_values(composition.config, {"seed": study.tuning_seeds[0]})
    record = trial_record(replace(composition, config=first), data, trainer)
    keyed = json.dumps([record.key, study.space, study.tuning_seeds, study.sampler_seed])
    return f"{record.dataset}-{record.fusion}-{hashlib.sha256(keyed.encode()).hexdigest()[:8]}"


def trial_record(composition: Composition, data: Data, trainer: Trainer) -> RunRecord:
    """Return the record of a training at the composition's settings."""
    model = build_model(composition.config, data)
    return training_record(composition, with_subwords(model, data), model, trainer.precision)


def run_trials(composition: Composition, data: Data, folder: Path, study: Study, count: int) -> Study:
    """Run the trials of a study that its file does not have yet, and return it with them.

    Args:
        composition: with the settings before the search.
        data: without its test split.
        folder: the study's.
        study: without trials.
        count: how many trials are wanted.

    Raises:
        ValueError: the study's file is damaged.
    """
    folder.mkdir(exist_ok=True)
    file, space = folder / "study.json", read_space(study.space, composition.config)
    study = read_study(file) if file.exists() else study
    fusion, current = composition.choices["fusion"], current_values(composition.config, space)
    while len(study.trials) < count:
        values = next_values(space, study, current)
        trial = run_trial(composition, data, folder, study, values)
        study = replace(study, trials=[*study.trials, trial])
        write_json(asdict(study), file)
        gc.collect()  # models lie in cycles
        told = trial.error if trial.accuracy is None else f"validation accuracy {trial.accuracy:.4f}"
        text = " ".join(f"{name}={value_text(value)}" for name, value in values.items())
        log.info("%s, trial %d of %d: %s: %s", fusion, len(study.trials), count, text, told)
    return study


def read_study(file: Path) -> Study:
    """Read a study; ValueError, with what to do, if its file is damaged."""
    try:
        study: Study = checked(Study, read_object(file))
    except ValueError as error:
        raise ValueError(f"{file} cannot be read ({error}); delete it to repeat its trials") from error
    return study


def next_values(space: list[Dimension], study: Study, current: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the next trial, which no trial before had.

    They follow from the trials before and the sampler's seed alone. Where the sampler proposes what was tried, they are
    drawn at random from the rest: the space must have more settings than there are trials.

    Args:
        space: the dimensions.
        study: with the trials before.
        current: the settings before the search, which the first trial has if the space has them.
    """
    if not study.trials and all(dimension.holds(current[dimension.name]) for dimension in space):
        return current
    import optuna  # of an extra, and slow to import

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kinds = {dimension.name: distribution(dimension) for dimension in space}
    (seed,) = np.random.SeedSequence([study.sampler_seed, len(study.trials)]).generate_state(1)
    search = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=int(seed)))
    for trial in study.trials:
        state = optuna.trial.TrialState.FAIL if trial.accuracy is None else optuna.trial.TrialState.COMPLETE
        search.add_trial(
            optuna.trial.create_trial(state=state, value=trial.accuracy, params=trial.values, distributions=kinds)
        )
    tried = [trial.values for trial in study.trials]
    values = rounded(search.ask(kinds).params, space)
    if values in tried:
        search.sampler = optuna.samplers.RandomSampler(seed=int(seed))
    while values in tried:
        values = rounded(search.ask(kinds).params, space)
    return values


def rounded(params: dict[str, Any], space: list[Dimension]) -> dict[str, Any]:
    """Return proposed settings in the order of the space, numbers of an interval with a few digits."""
    return {dimension.name: dimension.rounded(params[dimension.name]) for dimension in space}


def distribution(dimension: Dimension) -> Any:
    """Return a dimension as Optuna's distribution."""
    import optuna

    if dimension.choices:
        return optuna.distributions.CategoricalDistribution(dimension.choices)
    if dimension.whole:
        return optuna.distributions.IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return optuna.distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def run_trial(composition: Composition, data: Data, folder: Path, study: Study, values: dict[str, Any]) -> Trial:
    """Train at these settings once for each tuning seed, and return the trial; one that raises is a failed one.

    An OSError is raised: it is the machine's, not the settings'.
    """
    scores = []
    for seed in study.tuning_seeds:
        cfg = with_values(composition.config, values | {"seed": seed})
        try:
            scores.append(train_trial(replace(composition, config=cfg), data, folder))
        except OSError:
            raise
        except Exception as error:
            return Trial(values, None, f"{type(error).__name__}: {explain(error, cfg)}")
    return Trial(values, float(np.mean(scores)), "")


def train_trial(composition: Composition, data: Data, folder: Path) -> float:
    """Train, or go on with a training that was interrupted, and return the accuracy on the validation split.

    Only the record and the history stay in the trial's folder.

    Args:
        composition: with the settings and the seed of the trial.
        data: without its test split.
        folder: the study's.
    """
    cfg = composition.config
    trainer: Trainer = instantiate(cfg.training, _convert_="all")
    torch.manual_seed(cfg.seed)
    model, loss = build_model(cfg, data), build_loss(cfg, data)
    data = with_subwords(model, data)
    record = training_record(composition, data, model, trainer.precision)
    place = folder / record.name
    place.mkdir(exist_ok=True)
    record.write(place)
    data = with_features(model, data, cfg.cache_dir, trainer.fabric.device)
    torch.manual_seed(cfg.seed)
    try:
        trainer.fit(model, loss, data, place, cfg.seed, lambda row: None, beside_weights(record, data), resume=True)
        score = validation_accuracy(model, data, trainer)
    except (KeyboardInterrupt, OSError):
        raise
    except Exception:
        delete_checkpoints(place)
        raise
    delete_checkpoints(place)
    return score


def delete_checkpoints(folder: Path) -> None:
    """Delete the checkpoints of a training."""
    for name in CHECKPOINTS:
        (folder / name).unlink(missing_ok=True)


@torch.no_grad()
def validation_accuracy(model: Any, data: Data, trainer: Trainer) -> float:
    """Compute the accuracy with both modalities on the whole validation split.

    Args:
        model: with the weights of the checkpoint that `training.select` keeps.
        data: with the split.
        trainer: has the batch size and the device.
    """
    model.eval()
    split = data.splits["validation"]
    batches = split.batches(trainer.batch_size, trainer.fabric.device)
    right = (round(float(accuracy(model, batch)) * len(batch.label)) for batch in batches)  # equal scores are equal
    return sum(right) / len(split)


def best_trial(trials: list[Trial], folder: Path) -> Trial:
    """Return the trial with the highest accuracy, of equal ones the earliest; ValueError if all have failed."""
    done = [trial for trial in trials if trial.accuracy is not None]
    if not done:
        raise ValueError(
            f"all {len(trials)} trials failed, the first by {trials[0].error}; "
            f"mend the settings, or delete {folder} to repeat them"
        )
    return max(done, key=lambda trial: trial.accuracy or 0.0)


def final_composition(
    composition: Composition, data: Data, trainer: Trainer, study: Study, count: int, best: Trial
) -> Composition:
    """Return the composition of the final run: the best settings on its command line, and how they were chosen.

    Args:
        composition: of mode=tune.
        data: without its test split.
        trainer: whose precision the record has.
        study: with `count` trials or more.
        count: how many of them count.
        best: the chosen trial.
    """
    trials = study.trials[:count]
    cfg: DictConfig = with_values(composition.config, best.values)
    before, after = (flat(resolve(config, data, trainer.precision)) for config in (composition.config, cfg))
    tuning = {
        "space": study.space,
        "trials": count,
        "failed": sum(trial.accuracy is None for trial in trials),
        "tuning_seeds": study.tuning_seeds,
        "sampler_seed": study.sampler_seed,
        "chosen": best.values,
        "trial": trials.index(best) + 1,
        "validation_accuracy": best.accuracy,
        "untuned": {name: value for name, value in before.items() if after.get(name) != value},
        "command": composition.overrides,
    }
    kept = [o for o in composition.overrides if not replaced(parse(o).key_or_group, best.values)]
    chosen = [f"{name}={value_text(value)}" for name, value in best.values.items()]
    return replace(composition, config=cfg, overrides=[*kept, *chosen], multirun=True, tuning=tuning)


def replaced(name: str, chosen: dict[str, Any]) -> bool:
    """Return whether the command of a final run leaves a setting out: one of the search, or that it has chosen."""
    return name == "mode" or name.startswith("mode.") or name in chosen
