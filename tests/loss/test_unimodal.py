"""The auxiliary classifiers."""

import torch

from multimodal.loss.unimodal import UnimodalCrossEntropy
from tests.helpers.pairs import EVERYONE, GAPS, TOKENS, embeddings, samples


def test_each_modality_is_classified_where_it_is_present() -> None:
    torch.manual_seed(0)
    x, y = embeddings()
    loss = UnimodalCrossEntropy(5, ["image", "text"], 3)
    expected = 0.0
    for m, pooled, present in zip(("image", "text"), (x, y), GAPS, strict=True):
        log_probability = loss.classifiers[m](pooled).log_softmax(-1)
        expected = expected - sum(log_probability[i, 0] for i in range(len(x)) if present[i]) / int(present.sum())
    torch.testing.assert_close(loss(*samples(x, y, TOKENS, GAPS)), expected)


def test_nobody_present_costs_nothing() -> None:
    x, y = embeddings()
    assert UnimodalCrossEntropy(5, ["image"], 3)(*samples(x, y, TOKENS, (~EVERYONE, EVERYONE))) == 0
