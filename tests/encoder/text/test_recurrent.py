"""The bidirectional networks over padded captions, against torch's own packed ones."""

import pytest
import torch
from torch import nn

from multimodal.encoder.text.recurrent import BidirectionalRNN
from multimodal.types import PAD

CELLS = ["LSTM", "GRU"]


def packed_reference(encoder: BidirectionalRNN, cell: str, tokens: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """torch's own with `bidirectional=True` and the encoder's weights, on a packed sequence."""
    dim = encoder.embedding.embedding_dim
    reference = getattr(nn, cell)(dim, dim // 2, batch_first=True, bidirectional=True)
    state = dict(encoder.forwards.state_dict())
    state |= {f"{name}_reverse": value for name, value in encoder.backwards.state_dict().items()}
    reference.load_state_dict(state)
    pack = nn.utils.rnn.pack_padded_sequence(encoder.embedding(tokens), length, batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(reference(pack)[0], batch_first=True)[0]


@pytest.mark.parametrize("cell", CELLS)
def test_equals_a_packed_bidirectional_network(batch, cell: str) -> None:
    torch.manual_seed(0)
    encoder = BidirectionalRNN(16, 20, 0.0, cell)
    length = (batch.tokens != PAD).sum(1)
    encoded = encoder(batch.tokens, batch.present["text"])
    reference = packed_reference(encoder, cell, batch.tokens, length)
    assert torch.equal(encoded.token_mask, batch.tokens != PAD)
    torch.testing.assert_close(encoded.tokens[encoded.token_mask], reference[encoded.token_mask])


def test_an_empty_caption_still_has_a_valid_position() -> None:
    encoded = BidirectionalRNN(16, 20, 0.0, "GRU")(torch.full((2, 5), PAD), torch.zeros(2, dtype=torch.bool))
    assert encoded.token_mask.sum(1).tolist() == [1, 1]
    assert encoded.pooled.isfinite().all()


@pytest.mark.parametrize(("dim", "cell", "message"), [(15, "LSTM", "a multiple of 2"), (16, "RNN", "one of LSTM, GRU")])
def test_bad_settings_are_refused(dim: int, cell: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BidirectionalRNN(dim, 20, 0.0, cell)
