"""The ResNet encoder and where its weights come from; weights files are made here."""

import logging
import pickle
import shutil
from pathlib import Path

import pytest
import torch
import torchvision

from multimodal.encoder.image import resnet
from multimodal.encoder.image.resnet import IMAGENET_MEAN, ResNet, read_weights

PRESENT = torch.ones(2, dtype=torch.bool)


@pytest.fixture
def file(tmp_path) -> str:
    torch.manual_seed(0)
    path = tmp_path / "weights.pt"
    torch.save(torchvision.models.resnet18().state_dict(), path)
    return str(path)


def test_tokens_are_stage_three_and_grey_is_read_as_rgb() -> None:
    encoder = ResNet(16, 1, "resnet18", "none", False)
    encoded = encoder(torch.rand(2, 1, 64, 64), PRESENT)
    assert encoded.tokens.shape == (2, 16, 16)
    assert encoded.pooled.shape == (2, 16)
    assert encoder.weights == "random"


def test_weights_come_from_the_file_and_are_recorded(file: str) -> None:
    encoder = ResNet(16, 3, "resnet18", file, False)
    kept = torch.load(file, weights_only=True)["layer4.1.conv2.weight"]
    assert torch.equal(encoder.backbone.network.net.layer4[1].conv2.weight, kept)
    assert encoder.weights == file


def test_the_mean_image_of_imagenet_reaches_the_backbone_as_zero(file: str) -> None:
    encoder, seen = ResNet(16, 3, "resnet18", file, False), []
    encoder.backbone.network.net.conv1.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    encoder(torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1).expand(2, 3, 64, 64), PRESENT)
    assert seen[0].abs().max() < 1e-6


def test_a_frozen_backbone_stays_as_loaded(file: str) -> None:
    encoder = ResNet(16, 3, "resnet18", file, True).train()
    before = {name: value.clone() for name, value in encoder.backbone.network.state_dict().items()}
    encoder(torch.rand(2, 3, 64, 64), PRESENT).pooled.sum().backward()
    for name, value in encoder.backbone.network.state_dict().items():
        assert torch.equal(value, before[name]), name  # running statistics too
    assert all(p.grad is None for p in encoder.backbone.network.parameters())
    assert encoder.to_pooled.weight.grad.abs().max() > 1e-4


def test_auto_without_a_network_is_random_and_says_so(monkeypatch, caplog) -> None:
    monkeypatch.setattr(resnet, "imagenet_weights", lambda name: None)
    with caplog.at_level(logging.WARNING):
        encoder = ResNet(16, 3, "resnet18", "auto", False)
    assert "RANDOM" in caplog.text
    assert "out of reach" in encoder.weights


@pytest.mark.parametrize(
    ("weights", "frozen", "message"),
    [
        ("imagenet", False, "neither cached nor reachable"),
        ("auto", True, "set encoder.image.weights=none for random features, a baseline"),
        ("no.pt", False, "no file"),
    ],
)
def test_what_cannot_be_had_is_refused(monkeypatch, weights: str, frozen: bool, message: str) -> None:
    monkeypatch.setattr(resnet, "imagenet_weights", lambda name: None)
    with pytest.raises(ValueError, match=message):
        ResNet(16, 3, "resnet18", weights, frozen)


def test_a_file_of_another_network_is_refused(file: str) -> None:
    with pytest.raises(ValueError, match="resnet50"):
        ResNet(16, 3, "resnet50", file, False)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def not_finite(file: Path) -> None:
    state = torch.load(file, weights_only=True)
    state["conv1.weight"][0] = float("inf")
    torch.save(state, file)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (flip, "damaged: the checksum of .* is wrong"),
        (not_finite, r"holds weights that are not finite: conv1\.weight"),
        (lambda file: torch.save([1], file), "is not a state dict"),
        (lambda file: torch.save({"conv1.weight": print}, file), "cannot read .* as a state dict: UnpicklingError"),
        (lambda file: file.write_bytes(pickle.dumps(print)), "cannot read .* as a state dict"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_in_it_is_run(file: str, tmp_path, spoil, message: str) -> None:
    damaged = Path(shutil.copy(file, tmp_path / "damaged.pt"))
    spoil(damaged)
    with pytest.raises(ValueError, match=message) as caught:
        read_weights("resnet18", str(damaged), frozen=False)
    assert "damaged.pt" in str(caught.value)


def test_a_file_of_torchs_older_format_is_read(file: str, tmp_path) -> None:
    state = torch.load(file, weights_only=True)
    torch.save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    read, _ = read_weights("resnet18", str(tmp_path / "old.pt"), frozen=False)
    assert all(torch.equal(value, read[name]) for name, value in state.items())
