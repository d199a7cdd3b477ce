"""A frozen network stays as it is, is in no state dict, and its features count as those that were kept."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from multimodal.encoder.backbone import KEPT, Backbone, PretrainedEncoder, digest_of, fixed_seed, only_shapes


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


class Encoder(PretrainedEncoder):
    def __init__(self, frozen: bool) -> None:
        super().__init__()
        self.backbone = Backbone(network(), frozen, "")

    def features(self, x):
        return self.backbone(x)


def test_a_frozen_network_is_neither_saved_nor_trained_nor_put_into_training_mode() -> None:
    backbone = Backbone(network(), True, "").train()
    assert list(backbone.state_dict()) == ["digest"]
    assert not list(backbone.parameters())
    before = deepcopy(backbone.network.state_dict())
    assert not backbone(torch.randn(4, 3)).requires_grad
    assert all(torch.equal(value, before[name]) for name, value in backbone.network.state_dict().items())


def test_a_frozen_network_moves_with_the_model() -> None:
    model = nn.Sequential(Backbone(network(), True, "")).double()
    assert model[0].network[0].weight.dtype is torch.float64
    assert model[0].digest.dtype is torch.uint8


def test_a_frozen_network_has_its_channels_last_which_changes_nothing_else() -> None:
    """A convolution of volumes, as some networks have, cannot."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Unflatten(1, (1, 8)), nn.Conv3d(1, 1, 1), nn.Flatten(1, 2), nn.Conv2d(8, 4, 3)
    ).eval()
    x, given, digest = torch.randn(2, 3, 9, 9), deepcopy(network), digest_of(network, "")
    frozen, trained = Backbone(network, True, ""), Backbone(deepcopy(given), False, "")
    assert frozen.network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert trained.network[0].weight.is_contiguous()  # as weights are saved
    torch.testing.assert_close(frozen(x), given(x), atol=1e-5, rtol=1e-5)
    assert bytes(frozen.digest.tolist()) == digest


def test_a_network_that_is_trained_is_saved_and_learns() -> None:
    backbone = Backbone(network(), False, "")
    assert "network.0.weight" in backbone.state_dict()
    backbone(torch.randn(4, 3)).square().sum().backward()
    assert backbone.network[1].weight.grad.abs().max() > 1e-4


def test_the_digest_tells_weights_and_sources_apart() -> None:
    one, other = network(), network()
    assert digest_of(one, "") == digest_of(other, "")
    assert digest_of(one, "") != digest_of(one, "tokenizer")
    with torch.no_grad():
        other[0].bias[0] += 1e-7
    assert digest_of(one, "") != digest_of(other, "")
    one[1].num_batches_tracked += 1
    assert digest_of(one, "") != digest_of(network(), "")


def test_features_that_were_kept_are_read_as_they_are() -> None:
    encoder, x = Encoder(True).eval(), torch.randn(5, 3)
    kept = encoder.read(x).to(KEPT)
    assert torch.equal(encoder.read(kept), kept.float())
    torch.testing.assert_close(encoder.read(kept), encoder.read(x), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("frozen", [True, False])
def test_random_weights_that_stay_are_the_same_for_every_seed(frozen: bool) -> None:
    drawn = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        with fixed_seed(frozen):
            drawn.append(nn.Linear(2, 2).weight)
        after = torch.rand(3)
        torch.manual_seed(seed)
        assert torch.equal(torch.rand(3), after) == frozen  # what follows draws as if nothing had been drawn
    assert torch.equal(*drawn) == frozen


def test_on_the_meta_device_there_are_only_shapes() -> None:
    assert not only_shapes()
    with torch.device("meta"):
        assert only_shapes()
        backbone = Backbone(nn.Linear(2, 2), True, "")
    assert backbone.digest.shape == (32,)
