"""The running mean."""

from dataclasses import replace

import pytest
import torch

from multimodal.missing.mean import Mean
from multimodal.types import masked_mean
from tests.helpers.toy import encodings, without


def test_the_mean_is_of_present_samples_and_valid_tokens() -> None:
    missing, encoded = Mean(8, ["image", "text"], 1.0), without(encodings(8), "text", [1])
    missing(encoded)
    text = encoded["text"]
    torch.testing.assert_close(missing.pooled_text, text.pooled[[0, 2]].mean(0))
    torch.testing.assert_close(missing.token_text, masked_mean(text.tokens, text.token_mask)[[0, 2]].mean(0))


def test_it_stands_in_from_the_next_batch_on_and_stays_in_evaluation() -> None:
    missing, encoded = Mean(8, ["image", "text"], 0.5), without(encodings(8), "text", [1])
    assert not missing(encoded)["text"].pooled[1].any()  # nothing was seen before
    kept = missing.pooled_text.clone()
    torch.testing.assert_close(kept, 0.5 * encoded["text"].pooled[[0, 2]].mean(0))
    missing.eval()
    assert torch.equal(missing(encoded)["text"].pooled[1], kept)
    assert torch.equal(missing.pooled_text, kept)


def test_a_batch_without_the_modality_moves_nothing() -> None:
    missing, encoded = Mean(8, ["image", "text"], 0.5), encodings(8)
    missing(encoded)
    kept = missing.pooled_image.clone()
    image = replace(encoded["image"], present=torch.zeros(3, dtype=torch.bool))
    missing(encoded | {"image": image})
    assert torch.equal(missing.pooled_image, kept)


@pytest.mark.parametrize("momentum", [0.0, 1.5])
def test_a_momentum_that_is_no_share_is_refused(momentum: float) -> None:
    with pytest.raises(ValueError, match="momentum must be a number, above 0 and 1 at most"):
        Mean(8, ["image"], momentum)


def test_several_processes_share_one_mean(monkeypatch) -> None:
    """Each adds its sum and its count to the others': here another one with the same samples, then one with none."""
    expected, encoded = Mean(8, ["image", "text"], 1.0), without(encodings(8), "text", [1])
    expected(encoded)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    for factor in (2, 1):
        missing = Mean(8, ["image", "text"], 1.0)
        monkeypatch.setattr(torch.distributed, "all_reduce", lambda x, factor=factor: x.mul_(factor))
        missing(encoded)
        torch.testing.assert_close(missing.state_dict(), expected.state_dict())
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda x: x.add_(1))  # a sample of ones, in another one
    missing = Mean(8, ["image", "text"], 1.0)
    missing(encoded)
    present = encoded["text"].pooled[[0, 2]]
    torch.testing.assert_close(missing.pooled_text, (present.sum(0) + 1) / 3)
