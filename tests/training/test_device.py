import logging
from contextlib import nullcontext
from dataclasses import fields, replace
from types import SimpleNamespace

import lightning_fabric
import pytest
import torch
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import nn
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensorMode

from multimodal.encoder.text.bag_of_words import BagOfWords
from multimodal.loss.image import ImageSquaredError
from multimodal.loss.label import LabelCrossEntropy
from multimodal.loss.multi_positive_infonce import MultiPositiveInfoNCE
from multimodal.loss.ogm_ge import GradientModulatedLoss
from multimodal.loss.unimodal import UnimodalCrossEntropy
from multimodal.training import device
from multimodal.training.device import make_fabric
from multimodal.training.modality_dropout import ModalityDropout
from multimodal.training.sampler import BatchSampler
from multimodal.training.training_step import ExactBatch, TrainingStep
from multimodal.types import Batch
from tests.helpers.tiny_training import DATA, build

GPU = torch.device("cuda", 0)
KNOWN = ("32-true", "bf16-mixed")


def test_a_cuda_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match=r"devices=1 needs .* this machine has 0.*accelerator=cpu"):
        make_fabric("cuda", 1, "32-true")


def test_more_cuda_devices_than_there_are_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="devices=2 needs as many CUDA devices, but this machine has 1"):
        make_fabric("cuda", 2, "32-true")


@pytest.mark.parametrize("devices", [0, -1])
def test_less_than_one_device_is_refused(devices):
    with pytest.raises(ValueError, match=f"devices must be a whole number of 1 or more, got {devices}"):
        make_fabric("cpu", devices, "32-true")


@pytest.mark.parametrize("accelerator", ["nonsense", "tpu", "mps"])
def test_an_accelerator_that_cannot_be_used_is_named(accelerator):
    if accelerator == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has it")
    with pytest.raises(ValueError, match=accelerator):
        make_fabric(accelerator, 1, "32-true")


def test_an_unknown_precision_is_named():
    with pytest.raises(ValueError, match="nonsense"):
        make_fabric("cpu", 1, "nonsense")
    with pytest.raises(ValueError, match=r"training\.precision must be one of auto, 32-true, .*, got 16"):
        make_fabric("cpu", 1, 16)


@pytest.mark.parametrize("hardware", [True, False])
def test_auto_precision_is_bf16_where_the_hardware_has_it(monkeypatch, hardware):
    monkeypatch.setattr(device, "has_bf16", lambda accelerator: hardware)
    monkeypatch.setattr(device, "computes_bf16", lambda: hardware)
    fabric = make_fabric("cpu", 1, "auto")
    assert fabric._precision.precision == ("bf16-mixed" if hardware else "32-true")


def test_auto_works_on_this_machine():
    fabric = make_fabric("auto", 1, "auto")
    assert isinstance(fabric, lightning_fabric.Fabric)
    assert fabric._precision.precision in KNOWN
    assert fabric.device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert fabric.world_size == 1


def test_fabric_is_built_in_silence_but_for_its_warnings(monkeypatch, caplog):
    """Its line on the precision would stand before an error about the data."""
    logger = logging.getLogger("lightning_fabric")
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(device, "computes_bf16", lambda: True)
    with caplog.at_level(logging.INFO, logger="lightning_fabric"):
        make_fabric("cpu", 1, "bf16-mixed")
        assert caplog.text == ""
        with pytest.warns(UserWarning, match="AMP with fp16 is not supported on CPU"):
            make_fabric("cpu", 1, "16-mixed")
        assert logger.level == logging.INFO


@pytest.mark.parametrize("strategy", ["fsdp", "deepspeed", "nonsense"])
def test_a_strategy_without_whole_weights_is_refused(strategy: str) -> None:
    with pytest.raises(ValueError, match=rf"training\.strategy must be one of auto, ddp, got {strategy}: checkpoints"):
        make_fabric("cpu", 2, "32-true", strategy=strategy)


def test_ddp_is_of_several_processes() -> None:
    assert type(make_fabric("cpu", 2, "32-true", strategy="ddp").strategy) is DDPStrategy
    with pytest.raises(ValueError, match=r"training\.strategy=ddp needs training\.devices"):
        make_fabric("cpu", 1, "32-true", strategy="ddp")


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed", "bf16-true"])
def test_bf16_on_a_cpu_without_it_is_refused(monkeypatch, precision):
    monkeypatch.setattr(device, "computes_bf16", lambda: False)
    with pytest.raises(ValueError, match=f"precision={precision}: this CPU cannot compute in bf16; use 32-true"):
        make_fabric("cpu", 1, precision)


@pytest.mark.parametrize("devices", ["auto", 1.5, None])
def test_a_number_of_devices_that_is_none_is_refused(devices):
    with pytest.raises(ValueError, match="devices must be a whole number"):
        make_fabric("cpu", devices, "32-true")


def test_a_task_of_slurm_starts_its_other_processes_itself(monkeypatch):
    """With these variables Fabric by itself would take the one task for the whole world, twice."""
    for name, value in {"NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0", "JOB_ID": "7"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("SLURM_JOB_NAME", "sweep")
    assert make_fabric("cpu", 2, "32-true").world_size == 2
    assert make_fabric("cpu", 1, "32-true").world_size == 1


@pytest.mark.parametrize(
    ("started", "devices", "nodes", "message"),
    [
        (None, 1, 2, r"devices=1 on each of training\.num_nodes=2 needs torchrun"),
        (2, 1, 1, r"torchrun started 2 processes, but training\.devices=1 .* needs 1"),
        (2, 2, 2, r"torchrun started 2 processes, but training\.devices=2 on each of training\.num_nodes=2 needs 4"),
        (None, 1, 0, r"training\.num_nodes must be a whole number of 1 or more"),
    ],
)
def test_the_processes_of_several_machines_are_those_of_torchrun(monkeypatch, started, devices, nodes, message):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    if started is not None:
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
        monkeypatch.setenv("WORLD_SIZE", str(started))
    with pytest.raises(ValueError, match=message):
        make_fabric("cpu", devices, "32-true", nodes)


def test_each_process_of_torchrun_knows_its_place(monkeypatch):
    """The second process of the second of two machines."""
    place = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1", "GROUP_RANK": "1"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    fabric = make_fabric("cpu", 2, "32-true", 2)
    assert (fabric.world_size, fabric.global_rank, fabric.is_global_zero) == (4, 3, False)


def batch_on_a_gpu(batch: Batch, mode: FakeTensorMode) -> Batch:
    """The batch as it is sent to a GPU: of tensors without values, as good as those that the CPU cannot read yet."""

    def sent(value):
        if isinstance(value, dict):
            return {name: sent(inner) for name, inner in value.items()}
        return None if value is None else mode.from_tensor(value).to(GPU)

    return Batch(**{field.name: sent(getattr(batch, field.name)) for field in fields(Batch)})


def send_to_a_gpu(module: nn.Module, mode: FakeTensorMode) -> None:
    """Give a module weights without values on a GPU."""
    for part in module.modules():
        for name, value in list(part.named_parameters(recurse=False)):
            setattr(part, name, nn.Parameter(mode.from_tensor(value).detach().to(GPU)))
        for name, value in list(part.named_buffers(recurse=False)):
            setattr(part, name, mode.from_tensor(value).to(GPU))


@pytest.mark.usefixtures("autograd_begun")
@pytest.mark.parametrize("known", [True, False])
def test_a_step_on_a_gpu_does_not_wait_for_it(known: bool) -> None:
    """Fake tensors raise an error where a value is read; without the rows of the masks it would be."""
    fabric = SimpleNamespace(device=torch.device("cpu"), global_rank=0, world_size=1)
    batch = BatchSampler(DATA.splits["train"], DATA.augment, 8, ModalityDropout(0.3, 0.3, 0.0), 0, fabric).at(0)
    assert not any(mask.all() for mask in batch.present.values())
    model, _ = build()
    model.encoders["text"] = BagOfWords(8, len(DATA.vocabulary), 0.1)  # fake tensors cannot pass an LSTM
    del model.heads["text"]
    terms = {"label": LabelCrossEntropy(0.0), "image": ImageSquaredError()}
    terms |= {"contrastive": MultiPositiveInfoNCE(0.1, True)}
    terms |= {"unimodal": UnimodalCrossEntropy(8, ["image", "text"], 3)}
    step = TrainingStep(model, GradientModulatedLoss(terms, dict.fromkeys(terms, 1.0), 0.1, True))
    with FakeTensorMode() as mode:
        batch = batch_on_a_gpu(batch if known else replace(batch, present_rows={}), mode)
        send_to_a_gpu(step, mode)
        with nullcontext() if known else pytest.raises(DynamicOutputShapeException):
            assert step(ExactBatch(batch))["loss"].device == GPU
