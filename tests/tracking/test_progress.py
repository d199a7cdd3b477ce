"""What a tracker sees of a training, and that a training does not change because it is seen."""

from types import SimpleNamespace

import pytest
import torch

from multimodal.tracking.progress import TrainingProgress
from multimodal.tracking.tracker import Detail
from multimodal.training.trainer import Trainer
from tests.helpers import tiny_training


class Recording(SimpleNamespace):
    """A tracker that keeps what is logged."""

    def __init__(self, **detail) -> None:
        settings = {"every": 2, "test_samples": 0, "watched_samples": 3, "artifacts": False} | detail
        super().__init__(detail=Detail(**settings), rows=[], tables=[])

    def log(self, row: dict) -> None:
        self.rows.append(row)

    def table(self, name: str, rows: list[dict]) -> None:
        self.tables.append((self.rows[-1]["step"], name, rows))


TERMS = {"loss": torch.tensor(2.5, requires_grad=True), "accuracy": torch.tensor(0.5)}


def progress(tracker: Recording, num_validations: int) -> TrainingProgress:
    model, _ = tiny_training.build()
    return TrainingProgress(tracker, model, tiny_training.DATA, num_validations)


def test_the_loss_of_a_batch_is_logged_every_so_many_steps() -> None:
    tracker = Recording(every=3)
    seen = progress(tracker, 1)
    for step in range(1, 8):
        seen.after_step(step, TERMS)
    assert tracker.rows == [{"step": step, "batch/loss": 2.5, "batch/accuracy": 0.5} for step in (3, 6)]


@pytest.mark.parametrize(("num_validations", "steps"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 3, 4]), (9, [3, 6, 9])])
def test_some_samples_are_predicted_after_a_few_validations(num_validations: int, steps: list[int]) -> None:
    tracker = Recording(every=100)
    seen = progress(tracker, num_validations)
    for step in range(1, num_validations + 1):
        seen.after_step(step, TERMS)
        seen.validated({"step": step})
    assert [step for step, _, _ in tracker.tables] == steps
    indices = [[row["index"] for row in rows] for _, _, rows in tracker.tables]
    assert indices == [indices[0]] * len(steps)
    assert len(set(indices[0])) == 3


def test_the_history_that_a_resumed_training_repeats_is_of_no_model_at_hand() -> None:
    tracker = Recording(every=100)
    seen = progress(tracker, 2)
    seen.validated({"step": 10})
    assert tracker.tables == []
    seen.after_step(20, TERMS)
    seen.validated({"step": 20})
    assert [step for step, _, _ in tracker.tables] == [20]
    assert [row["step"] for row in tracker.rows] == [10, 20]


def test_a_training_that_is_watched_ends_with_the_same_weights_and_history(tmp_path) -> None:
    ended = []
    for watched in (False, True):
        folder = tmp_path / str(watched)
        folder.mkdir()
        model, loss = tiny_training.build()
        tracker = Recording(every=1)
        seen = TrainingProgress(tracker, model, tiny_training.DATA, 3)
        callbacks = (seen.validated, seen.after_step) if watched else (lambda row: None, lambda step, terms: None)
        torch.manual_seed(0)
        trainer = Trainer(**tiny_training.SETTINGS)
        history = trainer.fit(
            model, loss, tiny_training.DATA, folder, 0, callbacks[0], tiny_training.EXTRA, False, callbacks[1]
        )
        ended.append(
            (tiny_training.timeless(history), {name: value.clone() for name, value in model.state_dict().items()})
        )
    assert tracker.tables
    (history, weights), (watched_history, watched_weights) = ended
    assert history == watched_history
    for name, value in weights.items():
        torch.testing.assert_close(watched_weights[name], value, rtol=0, atol=0)
