"""Mixture of experts."""

import torch

from multimodal.fusion.gaussian import divergence
from multimodal.fusion.mixture_of_experts import MixtureOfExpertsFusion
from tests.helpers.toy import encodings, without


def test_in_evaluation_it_is_the_mean_of_the_present_experts() -> None:
    torch.manual_seed(0)
    fusion, encoded = MixtureOfExpertsFusion(8, ["image", "text"], 12).eval(), without(encodings(8), "image", [0])
    image, text = (fusion.experts.maps[m](encoded[m].pooled)[:, :8] for m in ("image", "text"))
    expected = torch.stack([text[0], (image[1] + text[1]) / 2, (image[2] + text[2]) / 2])
    torch.testing.assert_close(fusion(encoded).z, expected)
    each = divergence(*fusion.experts(encoded)[:2])  # (B, M)
    owed = torch.stack([each[0, 1], each[1].mean(), each[2].mean()]).mean()
    torch.testing.assert_close(fusion(encoded).aux_losses["kl"], owed)


def test_under_autocast_the_auxiliary_loss_is_the_same() -> None:
    torch.manual_seed(0)
    fusion, encoded = MixtureOfExpertsFusion(8, ["image", "text"], 12).eval(), encodings(8)
    expected = fusion(encoded)
    with torch.autocast("cpu", torch.bfloat16):
        result = fusion(encoded)
    assert torch.equal(result.aux_losses["kl"], expected.aux_losses["kl"])
    assert torch.equal(result.z, expected.z)


def test_in_training_each_sample_follows_one_expert() -> None:
    torch.manual_seed(0)
    fusion, encoded = MixtureOfExpertsFusion(8, ["image", "text"], 12), without(encodings(8), "image", [0])
    for expert in fusion.experts.maps.values():
        expert[-1].weight.data[8:] = 0
        expert[-1].bias.data[8:] = -20.0  # hardly any variance (and no less than the clamp)
    means = fusion.experts(encoded)[0]
    followed = set()
    for _ in range(30):
        distance = (fusion(encoded).z[:, None] - means).abs().amax(-1)  # (B, M)
        assert (distance.amin(1) < 0.05).all()
        followed |= {(b, int(m)) for b, m in enumerate(distance.argmin(1))}
    assert followed == {(0, 1), (1, 0), (1, 1), (2, 0), (2, 1)}  # an absent one is never drawn
