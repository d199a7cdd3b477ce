"""Zeros."""

import torch

from multimodal.missing.zero import Zero
from tests.helpers.toy import encodings, without


def test_an_absent_modality_is_zero_and_has_one_valid_token() -> None:
    encoded = without(encodings(8), "text", [1])
    filled = Zero()(encoded)["text"]
    assert not filled.pooled[1].any()
    assert not filled.tokens[1].any()
    assert filled.token_mask[1].tolist() == [True, False, False, False, False]
    assert torch.equal(filled.pooled[[0, 2]], encoded["text"].pooled[[0, 2]])
