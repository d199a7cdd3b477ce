"""Product of experts."""

import torch

from multimodal.fusion.gaussian import divergence, product
from multimodal.fusion.product_of_experts import ProductOfExpertsFusion
from tests.helpers.toy import encodings, without


def test_in_evaluation_it_is_the_products_mean_over_who_is_there() -> None:
    torch.manual_seed(0)
    fusion, encoded = ProductOfExpertsFusion(8, ["image", "text"], 12).eval(), without(encodings(8), "text", [1])
    experts = [fusion.experts.maps[m](encoded[m].pooled).chunk(2, dim=-1) for m in ("image", "text")]
    precision = [(-log_variance).exp() for _, log_variance in experts]
    precision[1] = precision[1] * torch.tensor([[1.0], [0.0], [1.0]])
    expected = sum(p * mean for p, (mean, _) in zip(precision, experts, strict=True)) / (1 + sum(precision))
    torch.testing.assert_close(fusion(encoded).z, expected)


def test_training_samples_around_the_mean_and_adds_the_divergence() -> None:
    torch.manual_seed(0)
    fusion, encoded = ProductOfExpertsFusion(8, ["image", "text"], 12), encodings(8)
    mean, log_variance = product(*fusion.experts(encoded))
    samples = torch.stack([fusion(encoded).z for _ in range(2000)])
    torch.testing.assert_close(samples.mean(0), mean, atol=0.1, rtol=0)
    torch.testing.assert_close(fusion(encoded).aux_losses["kl"], divergence(mean, log_variance).mean())
