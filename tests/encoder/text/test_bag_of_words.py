"""The bag of words."""

import torch

from multimodal.encoder.text.bag_of_words import BagOfWords
from multimodal.types import PAD


def test_the_order_of_the_words_does_not_matter_and_which_they_are_does() -> None:
    torch.manual_seed(0)
    encoder, present = BagOfWords(16, 20, 0.0), torch.ones(3, dtype=torch.bool)
    tokens = torch.tensor([[2, 5, 6, 3, 0], [2, 6, 5, 3, 0], [2, 6, 7, 3, 0]])
    one, other, third = encoder(tokens, present).pooled
    torch.testing.assert_close(one, other)
    assert not torch.allclose(one, third, atol=1e-3)


def test_an_empty_caption_still_has_a_valid_position() -> None:
    encoded = BagOfWords(16, 20, 0.0)(torch.full((2, 5), PAD), torch.zeros(2, dtype=torch.bool))
    assert encoded.token_mask.sum(1).tolist() == [1, 1]
    assert encoded.pooled.isfinite().all()
