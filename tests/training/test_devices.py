"""One run over two CPU processes: the gradients of one process, the same history, and no process left behind."""

import atexit
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning_fabric import Fabric

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.augment import Augment
from multimodal.encoder.image.cnn import CNN
from multimodal.encoder.text.recurrent import BidirectionalRNN
from multimodal.fusion.concat import ConcatFusion
from multimodal.head.image.upconv import UpConv
from multimodal.head.label.mlp import MLP
from multimodal.head.text.lstm import LSTMDecoder
from multimodal.io import read_csv
from multimodal.loss.image import ImageDissimilarity, ImageSquaredError
from multimodal.loss.label import LabelCrossEntropy
from multimodal.loss.multi_positive_infonce import MultiPositiveInfoNCE
from multimodal.loss.text import TokenCrossEntropy
from multimodal.loss.weighted import WeightedLoss
from multimodal.missing.learned import Learned
from multimodal.model import MultimodalModel
from multimodal.training.accumulation import backward_in_parts
from multimodal.training.device import make_fabric
from multimodal.training.modality_dropout import ModalityDropout
from multimodal.training.processes import agreed_signal, launch, run_process
from multimodal.training.sampler import BatchSampler
from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import BOS, EOS, PAD, Encoded, Fused
from tests.helpers.command import SCRIPT, TINY, UNMEASURED, command

SIZE = 13  # samples of the batch: seven in one process, six in the other
TERMS = {"label": LabelCrossEntropy(0.1), "image": ImageSquaredError(), "dssim": ImageDissimilarity()}
TERMS |= {"text": TokenCrossEntropy(), "contrastive": MultiPositiveInfoNCE(0.1, learned=True)}
NAMES = [*TERMS, "owed", "loss"]
ALL = [*NAMES, "parts"]  # the last is the loss again, each process's samples in three parts
PARENTS_THREADS = 4
STILL = Augment(0, 0, 0.0, False)


class OwingFusion(ConcatFusion):
    """A fusion with a loss of its own."""

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        fused = super().forward(encoded)
        return replace(fused, aux_losses={"owed": fused.z.abs().pow(3).mean()})


def split() -> Split:
    """Captions of 1 to 9 words, the longest of them once; every third is one of two that come again."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.full((SIZE, 11), PAD, dtype=torch.int32)
    for i in range(SIZE):
        words = [4 + i % 2] * 3 if i % 3 == 0 else torch.randint(4, 12, (1 + i * 2 // 3,), generator=generator).tolist()
        tokens[i, : len(words) + 2] = torch.tensor([BOS, *words, EOS])
    image = torch.randint(0, 256, (SIZE, 1, 12, 12), generator=generator).byte()
    label = torch.arange(SIZE) % 3
    return Split(image, tokens, label, label)


def gradients(fabric: Fabric) -> dict[str, object]:
    """Of each term on this process's part of one batch, and what that part is like in every process."""
    seed = torch.initial_seed()
    torch.manual_seed(0)
    model = MultimodalModel(
        encoders={"image": CNN(8, 1, 12, 1, [8, 8]), "text": BidirectionalRNN(8, 12, 0.0, "LSTM")},
        missing=Learned(8, ["image", "text"]),
        fusion=OwingFusion(8, ["image", "text"], 16),
        heads={"label": MLP(8, 3, 0.0), "image": UpConv(8, 1, 12, 8), "text": LSTMDecoder(8, 12, 11, 0.0)},
    )
    loss = WeightedLoss(TERMS, dict.fromkeys([*TERMS, "owed"], 1.0))
    objective = fabric.setup(TrainingStep(model, loss))
    batch = BatchSampler(split(), STILL, SIZE, ModalityDropout(0.3, 0.3, 0.0), 1, fabric).at(0)
    values, grads = {}, {}
    for name in NAMES:
        value = objective(ExactBatch(batch))[name]
        fabric.backward(value)
        values[name] = value.item()
        parameters = [(n, p) for m in (model, loss) for n, p in m.named_parameters()]
        grads[name] = {n: torch.zeros_like(p) if p.grad is None else p.grad.clone() for n, p in parameters}
        objective.zero_grad()
    values["parts"] = backward_in_parts(fabric, objective, batch, 1 if fabric.world_size == 1 else 3)["loss"].item()
    grads["parts"] = {n: torch.zeros_like(p) if p.grad is None else p.grad.clone() for n, p in parameters}
    part = {m: int(present.sum()) for m, present in batch.present.items()}
    part |= {"words": int((batch.tokens != PAD).sum()), "width": batch.tokens.shape[1], "size": len(batch.label)}
    part |= {"threads": torch.get_num_threads(), "seed": seed}
    parts = [part]
    if fabric.world_size > 1:
        parts = [None] * fabric.world_size
        torch.distributed.all_gather_object(parts, part)
    return {"values": values, "gradients": grads, "parts": parts}


@pytest.fixture(scope="module")
def one() -> dict[str, object]:
    """The whole batch in this process."""
    return launch(make_fabric("cpu", 1, "32-true"), gradients)


@pytest.fixture(scope="module")
def two() -> dict[str, object]:
    """The batch shared by two processes, started by one that has used its threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(PARENTS_THREADS)
    torch.ones(1000, 1000).exp().sum()  # a pool that a fork would inherit without its threads
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOMP_SPINCOUNT", "1000")  # as in scripts/run.py
        found = launch(make_fabric("cpu", 2, "32-true"), gradients)
    torch.set_num_threads(threads)
    return found


def test_the_parts_are_as_unlike_as_they_can_get(two):
    """Else the tests below would pass with means of each process's own."""
    first, second = two["parts"]
    assert all(first[name] != second[name] for name in ("image", "text", "words", "width", "size"))
    assert all(min(part["image"], part["text"]) < part["size"] for part in two["parts"])


@pytest.mark.parametrize("term", ALL)
def test_each_term_is_that_of_the_whole_batch(one, two, term):
    assert two["values"][term] == pytest.approx(one["values"][term], rel=1e-5)


@pytest.mark.parametrize("term", ALL)
def test_gradients_are_those_of_one_process(one, two, term):
    expected = one["gradients"][term]
    assert max(grad.abs().max() for grad in expected.values()) > 1e-2  # there is something to compare
    for name, grad in two["gradients"][term].items():
        torch.testing.assert_close(grad, expected[name], atol=1e-4 * max(1, float(expected[name].abs().max())), rtol=0)


def test_each_process_has_its_share_of_the_threads_and_its_own_dropout(two):
    assert [part["threads"] for part in two["parts"]] == [PARENTS_THREADS // 2] * 2
    assert len({part["seed"] for part in two["parts"]}) == 2
    assert "MASTER_PORT" not in os.environ  # else every later run would want the same one


def test_a_process_that_did_not_join_is_noticed(tmp_path):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    with pytest.raises(AssertionError, match="1 of 2 processes joined"):
        run_process(make_fabric("cpu", 1, "32-true"), 2, threads, (0, None), gradients, b"", tmp_path / "result")
    torch.set_rng_state(state)


def fail_in_the_last(fabric: Fabric, error: Exception, left: Path) -> None:
    """The other one waits for it."""
    atexit.register(left.touch)  # in the place of Fabric's, which waits for the other one on GPUs
    if fabric.global_rank == 1:
        raise error
    fabric.barrier()


@pytest.mark.slow
@pytest.mark.parametrize("error", [FloatingPointError("diverged"), torch.OutOfMemoryError("of 80 GB")], ids=str)
def test_what_one_process_raises_ends_all_of_them(error, tmp_path):
    with pytest.raises(type(error), match=str(error)):
        launch(make_fabric("cpu", 2, "32-true"), fail_in_the_last, error, tmp_path / "left")
    assert not multiprocessing.active_children()
    assert not (tmp_path / "left").exists()


WITHOUT_DROPOUT = ["encoder.text.dropout=0", "head.label.dropout=0", "head.text.dropout=0"]  # processes draw apart
RUN = [*TINY, *WITHOUT_DROPOUT, "fusion=concat", "tracking=disabled", "training.accelerator=cpu"]
RUN += ["training.precision=32-true"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


@pytest.mark.slow
def test_a_sweep_over_devices_gives_one_history(tmp_path):
    done = command(tmp_path, "-m", *RUN, "training.devices=1,2", "output_dir=sweep")
    assert done.status == 0, done.stderr
    assert not multiprocessing.active_children()
    folders = [file.parent for file in (tmp_path / "sweep").glob("*/metrics.json")]
    assert len(folders) == 2
    first, second = (read_csv(folder / "history.csv") for folder in folders)
    assert len(first) == len(second) == 2
    for row, other in zip(first, second, strict=True):
        assert set(row) == set(other)
        same = [name for name in row if name != "train/samples_per_s"]
        assert [row[name] for name in same] == pytest.approx([other[name] for name in same], rel=1e-3)
    names = [set(json.loads((folder / "metrics.json").read_text())) for folder in folders]
    assert names[0] == names[1]


@pytest.mark.slow
def test_two_devices_alone(tmp_path):
    done = command(tmp_path, *RUN, "training.devices=2", "training.strategy=ddp", "output_dir=run")
    assert done.status == 0, done.stderr
    assert not multiprocessing.active_children()
    assert len(read_csv(tmp_path / "run" / "history.csv")) == 2


def test_several_processes_ask_each_other_for_a_signal_at_every_tenth_step():
    asked: list[int] = []

    class Two:
        world_size, device = 2, torch.device("cpu")

        def all_reduce(self, value: torch.Tensor, reduce_op: str) -> torch.Tensor:
            asked.append(int(value))
            return torch.tensor(max(int(value), int(signal.SIGTERM)))  # the other one got SIGTERM

    assert [agreed_signal(Two(), None, step) for step in (9, 10, 11)] == [None, signal.SIGTERM, None]
    assert agreed_signal(Two(), signal.SIGINT, 20) is signal.SIGTERM
    assert asked == [0, signal.SIGINT]
    assert agreed_signal(SimpleNamespace(world_size=1), signal.SIGINT, 3) is signal.SIGINT


@pytest.mark.slow
@pytest.mark.parametrize("started_by", ["the suite", "torchrun"])
def test_a_signal_stops_two_processes_at_one_step_from_which_the_same_command_resumes(tmp_path, started_by):
    line = [sys.executable, *(TORCHRUN if started_by == "torchrun" else []), SCRIPT, *RUN, *UNMEASURED]
    line += ["training.devices=2", "training.steps=300", "training.num_validations=2", "evaluation.figures=null"]
    line += [f"cache_dir={tmp_path}/cache"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}

    def told(process: subprocess.Popen[str], words: str) -> None:
        while words not in (written := process.stdout.readline()):
            assert written, f"ended without {words}"

    with subprocess.Popen(
        [*line, "output_dir=cut"], cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as first:
        told(first, "step 150/300")
        time.sleep(0.5)
        first.send_signal(signal.SIGTERM)
        written = first.stdout.read()
    stopped = re.search(r"stopped after step (\d+) by SIGTERM", written)
    assert stopped, written
    assert 150 < int(stopped[1]) < 300
    assert int(stopped[1]) % 10 == 0
    assert "Traceback" not in written or started_by == "torchrun"
    if started_by == "the suite":
        assert first.returncode == 128 + signal.SIGTERM
    for folder in ("cut", "whole"):
        done = subprocess.run(
            [*line, f"output_dir={folder}"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
    cut, whole = (read_csv(tmp_path / name / "history.csv") for name in ("cut", "whole"))
    assert len(cut) == len(whole) == 2
    for row, other in zip(cut, whole, strict=True):
        same = [name for name in row if name != "train/samples_per_s"]
        assert [row[name] for name in same] == [other[name] for name in same]


@pytest.mark.slow
def test_torchrun_starts_what_else_starts_itself(tmp_path):
    """Two processes of torchrun train as two of ours do; the first alone writes; a finished run is not repeated."""
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    line = [sys.executable, *TORCHRUN, SCRIPT, *RUN]
    line += [*UNMEASURED, "training.devices=2", "output_dir=torchrun", f"cache_dir={tmp_path}/cache"]
    line += ["evaluation.figures=null"]
    for _ in range(2):
        done = subprocess.run(line, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    assert "is finished already" in done.stderr
    done = subprocess.run([*line, "-m"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600)
    assert "give -m without torchrun" in done.stderr
    done = command(tmp_path, *RUN, *UNMEASURED, "training.devices=2", "output_dir=run")
    assert done.status == 0, done.stderr
    first, second = (read_csv(tmp_path / name / "history.csv") for name in ("torchrun", "run"))
    assert len(first) == len(second) == 2
    for row, other in zip(first, second, strict=True):
        same = [name for name in row if name != "train/samples_per_s"]
        assert [row[name] for name in same] == [other[name] for name in same]
