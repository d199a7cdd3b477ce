"""What every stand-in does."""

import torch

from multimodal.missing.layers import fill
from tests.helpers.toy import encodings, without


def test_what_is_absent_is_replaced_and_the_rest_is_left() -> None:
    text = without(encodings(8), "text", [1])["text"]
    filled = fill(text, torch.full((8,), 2.0), torch.full((8,), 3.0))
    assert (filled.pooled[1] == 2).all()
    assert (filled.tokens[1] == 3).all()
    assert filled.token_mask[1].tolist() == [True, False, False, False, False]
    for part in ("pooled", "tokens", "token_mask"):
        assert torch.equal(getattr(filled, part)[[0, 2]], getattr(text, part)[[0, 2]])
    assert torch.equal(filled.present, text.present)
