"""The bidirectional LSTM over padded captions, against torch's own packed one."""

import torch
from torch import nn

from multimodal.encoder.text.lstm import BidirectionalLSTM
from multimodal.types import PAD


def packed_reference(encoder: BidirectionalLSTM, tokens: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """nn.LSTM(bidirectional=True) with the encoder's weights, on a packed sequence."""
    dim = encoder.embedding.embedding_dim
    reference = nn.LSTM(dim, dim // 2, batch_first=True, bidirectional=True)
    state = dict(encoder.forwards.state_dict())
    state |= {f"{name}_reverse": value for name, value in encoder.backwards.state_dict().items()}
    reference.load_state_dict(state)
    pack = nn.utils.rnn.pack_padded_sequence(encoder.embedding(tokens), length, batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(reference(pack)[0], batch_first=True)[0]


def test_equals_a_packed_bidirectional_lstm(batch) -> None:
    torch.manual_seed(0)
    encoder = BidirectionalLSTM(16, 20, 0.0)
    length = (batch.tokens != PAD).sum(1)
    encoded = encoder(batch.tokens, batch.present["text"])
    reference = packed_reference(encoder, batch.tokens, length)
    assert torch.equal(encoded.valid, batch.tokens != PAD)
    torch.testing.assert_close(encoded.tokens[encoded.valid], reference[encoded.valid])


def test_an_empty_caption_still_has_a_valid_position() -> None:
    encoded = BidirectionalLSTM(16, 20, 0.0)(torch.full((2, 5), PAD), torch.zeros(2, dtype=torch.bool))
    assert encoded.valid.sum(1).tolist() == [1, 1]
    assert encoded.pooled.isfinite().all()
