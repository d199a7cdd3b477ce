"""The transformer over words."""

import math

import pytest
import torch

from multimodal.encoder.text.transformer import TransformerEncoder, sinusoids
from multimodal.types import PAD


def test_positions_are_the_papers() -> None:
    found = sinusoids(torch.zeros(1, 5, 6))
    for t in range(5):
        for i in range(3):
            angle = t / 10_000 ** (2 * i / 6)
            assert found[t, 2 * i] == pytest.approx(math.sin(angle), abs=1e-6)
            assert found[t, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-6)


def test_the_order_of_the_words_matters() -> None:
    torch.manual_seed(0)
    encoder, present = TransformerEncoder(16, 20, 0.0, 2, 1, 32).eval(), torch.ones(2, dtype=torch.bool)
    one, other = encoder(torch.tensor([[2, 5, 6, 3], [2, 6, 5, 3]]), present).pooled
    assert not torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
def test_padding_and_company_change_nothing(batch, train: bool) -> None:
    torch.manual_seed(0)
    encoder = TransformerEncoder(16, 20, 0.0, 2, 2, 32).train(train)
    whole = encoder(batch.tokens, batch.present["text"])
    for i, row in enumerate(batch.tokens):
        alone = encoder(row[row != PAD][None], torch.ones(1, dtype=torch.bool))
        torch.testing.assert_close(whole.pooled[i], alone.pooled[0], atol=1e-5, rtol=1e-4)


def test_an_empty_caption_still_has_a_valid_position() -> None:
    encoder = TransformerEncoder(16, 20, 0.0, 2, 1, 32)
    encoded = encoder(torch.full((2, 5), PAD), torch.zeros(2, dtype=torch.bool))
    assert encoded.token_mask.sum(1).tolist() == [1, 1]
    assert encoded.pooled.isfinite().all()


@pytest.mark.parametrize(("dim", "heads", "layers"), [(15, 3, 1), (16, 3, 1), (16, 2, 0)])
def test_bad_settings_are_refused(dim: int, heads: int, layers: int) -> None:
    with pytest.raises(ValueError, match="got "):
        TransformerEncoder(dim, 20, 0.0, heads, layers, 32)
