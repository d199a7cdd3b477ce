"""Test samples shared by copies of a model: each answers its part, and the answers are those of one model."""

import copy
import threading
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.evaluation.beam_search import BeamSearch
from multimodal.evaluation.clock import Clock
from multimodal.evaluation.context import Context
from multimodal.evaluation.replicas import Replicas
from multimodal.training.device import devices_of
from multimodal.types import CONDITIONS, SPECIAL_WORDS
from tests.helpers.toy import toy_data

CPU, META = torch.device("cpu"), torch.device("meta")  # the latter is another device that every machine has
SIZE = 7  # samples: with batches of 2, three copies get 4, 2 and 1 of them
pytestmark = pytest.mark.usefixtures("one_thread")


def shared_by(model, count: int) -> Replicas:
    replicas = Replicas(model, [CPU])
    replicas.models = [model, *(copy.deepcopy(model) for _ in range(count - 1))]
    return replicas


def context(model, batch, count: int) -> Context:
    rows = torch.arange(SIZE) % 6
    split = Split((255 * batch.image).byte()[rows], batch.tokens.int()[rows], batch.label[rows], batch.content[rows])
    vocabulary = Vocabulary([*SPECIAL_WORDS, *(f"w{i}" for i in range(4, 20))])
    data = toy_data("toy", "embedded", {"train": split, "test": split}, vocabulary, ["a", "b", "c"])
    settings = {"fill": "none", "batch_size": 2, "seed": 0, "num_references": 1, "image_judge": None}
    made = Context(model=model.eval(), data=data, history=[], clock=Clock(), **settings)
    made.replicas = shared_by(made.model, count)
    return made


def test_each_copy_answers_whole_batches_in_order(model) -> None:
    asked: dict[int, list[int]] = {}
    replicas = shared_by(model, 3)

    def answer(model: object, rows: Tensor) -> list[int]:
        asked[next(i for i, m in enumerate(replicas.models) if m is model)] = rows.tolist()
        return rows.tolist()

    assert replicas.answer(answer, SIZE, 2) == [[0, 1, 2, 3], [4, 5], [6]]
    assert asked == {0: [0, 1, 2, 3], 1: [4, 5], 2: [6]}


def test_fewer_batches_than_copies_leave_some_without_work(model) -> None:
    assert shared_by(model, 3).answer(lambda model, rows: rows.tolist(), 3, 2) == [[0, 1], [2]]


def test_one_model_answers_in_the_thread_that_signals_reach(model) -> None:
    answer = shared_by(model, 1).answer(lambda model, rows: threading.current_thread(), SIZE, 2)
    assert answer == [threading.main_thread()]


def test_an_error_of_any_copy_is_raised(model) -> None:
    def fail(model: object, rows: Tensor) -> None:
        if 6 in rows:
            raise ValueError("the last share")

    with pytest.raises(ValueError, match="the last share"):
        shared_by(model, 3).answer(fail, SIZE, 2)


def test_a_model_is_copied_to_the_devices_that_it_is_not_on(model) -> None:
    models = Replicas(model, [CPU, META]).models
    assert models[0] is model
    assert [next(m.parameters()).device for m in models] == [CPU, META]
    assert Replicas(model, []).models == [model]


def test_what_copies_answer_together_is_what_one_model_answers(model, batch) -> None:
    model.heads["text"].to_logits.weight.data *= 30  # captions of several lengths
    alone, together = context(model, batch, 1), context(model, batch, 3)
    for kind in ("probability", "image", "caption", "joint", "encoded"):
        expected, found = getattr(alone.predictions, kind), getattr(together.predictions, kind)
        assert set(expected) == set(found)
        assert all(torch.equal(value, found[name]) for name, value in expected.items()), kind
        assert all(len(value) == SIZE for value in found.values())
    assert set(alone.predictions.image) == set(CONDITIONS)
    for condition, correct in alone.filled_correct.items():
        assert torch.equal(correct, together.filled_correct[condition])
    assert BeamSearch(2)(alone) == BeamSearch(2)(together)


def test_the_processes_of_a_cpu_share_one_device_and_gpus_are_several() -> None:
    def fabric(*devices: str) -> SimpleNamespace:
        listed = [torch.device(d) for d in devices]
        return SimpleNamespace(strategy=SimpleNamespace(parallel_devices=listed), device=listed[0])

    assert devices_of(fabric("cpu", "cpu")) == [CPU]
    assert devices_of(fabric("cuda:0", "cuda:1")) == [torch.device("cuda", 0), torch.device("cuda", 1)]
    assert devices_of(SimpleNamespace(strategy=object(), device=CPU)) == [CPU]
