"""Mixture of products of experts."""

import torch

from multimodal.fusion.gaussian import divergence, product
from multimodal.fusion.mopoe import MoPoEFusion
from tests.helpers.toy import encodings, without


def test_in_evaluation_it_is_the_mean_over_the_subsets_of_who_is_there() -> None:
    torch.manual_seed(0)
    fusion, encoded = MoPoEFusion(8, ["image", "text"], 12).eval(), without(encodings(8), "text", [1])
    mean, log_variance, _ = fusion.experts(encoded)
    products = {
        members: product(mean, log_variance, torch.tensor([members] * 3))
        for members in ((True, False), (False, True), (True, True))
    }
    expected = sum(z for z, _ in products.values()) / 3
    expected[1] = products[True, False][0][1]
    torch.testing.assert_close(fusion(encoded).z, expected)
    each = sum(divergence(*parts) for parts in products.values()) / 3
    each[1] = divergence(*products[True, False])[1]
    torch.testing.assert_close(fusion(encoded).aux_losses["kl"], each.mean())


def test_in_training_a_sample_without_caption_follows_its_image() -> None:
    torch.manual_seed(0)
    fusion, encoded = MoPoEFusion(8, ["image", "text"], 12), without(encodings(8), "text", [0, 1, 2])
    mean, log_variance, _ = fusion.experts(encoded)
    alone, _ = product(mean, log_variance, torch.tensor([[True, False]] * 3))
    samples = torch.stack([fusion(encoded).z for _ in range(2000)])
    torch.testing.assert_close(samples.mean(0), alone, atol=0.1, rtol=0)


def test_in_training_each_subset_of_who_is_there_is_drawn() -> None:
    torch.manual_seed(0)
    fusion, encoded = MoPoEFusion(8, ["image", "text"], 12), encodings(8)
    for expert in fusion.experts.maps.values():
        expert[-1].weight.data[8:] = 0
        expert[-1].bias.data[8:] = -9.0  # sure of themselves: a draw is nearly its mean
    mean, log_variance, _ = fusion.experts(encoded)
    subsets = [[True, False], [False, True], [True, True]]
    products = torch.stack([product(mean, log_variance, torch.tensor([s] * 3))[0] for s in subsets], dim=1)
    distance = torch.stack([(fusion(encoded).z[:, None] - products).abs().amax(-1) for _ in range(60)])  # (60, B, 3)
    assert (distance.amin(-1) < 0.1).all()
    for counts in (distance.argmin(-1) == k for k in range(3)):
        assert 0.15 < counts.float().mean() < 0.55  # evenly, the product of both as often as each alone
