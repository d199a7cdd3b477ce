"""The autoregressive text head."""

import torch

from multimodal.head.text.lstm import LSTMDecoder
from multimodal.types import BOS, EOS, PAD, UNK


def decoder(max_length: int) -> LSTMDecoder:
    torch.manual_seed(0)
    head = LSTMDecoder(8, 12, max_length, 0.5).eval()
    torch.nn.init.normal_(head.to_logits.weight, std=3)  # opinions strong enough to differ by step
    return head


def slowly(head: LSTMDecoder, z: torch.Tensor) -> list[int]:
    """One caption, the whole prefix read again for every word."""
    written = [BOS]
    while len(written) < head.max_length and written[-1] != EOS:
        logits = head(z[None], torch.tensor([[*written, PAD]]))[0, -1]
        logits[[PAD, UNK, BOS]] = -torch.inf
        written.append(int(logits.argmax()))
    return written


def test_greedy_decoding_of_a_batch_equals_step_by_step_decoding() -> None:
    head, z = decoder(10), torch.randn(32, 8, generator=torch.Generator().manual_seed(1)) * 3
    batch = head.generate(z).tolist()
    lengths = set()
    for row, one in zip(batch, z, strict=True):
        expected = slowly(head, one)
        assert row[: len(expected)] == expected
        assert set(row[len(expected) :]) <= {PAD}
        lengths.add(len(expected))
    assert len(lengths) > 1  # some end before others


def test_a_word_is_told_by_those_before_it_only() -> None:
    head, z, tokens = decoder(10), torch.randn(1, 8), torch.tensor([[BOS, 5, 6, 7, EOS]])
    other = tokens.clone()
    other[0, 3] = 9
    same = (head(z, tokens) == head(z, other)).all(-1)[0]
    assert same.tolist() == [True, True, True, False]


def test_z_is_read_at_every_step() -> None:
    head, tokens = decoder(10), torch.tensor([[BOS, 5, 6, EOS]])
    z = torch.randn(1, 8, requires_grad=True)
    for step in range(3):
        (grad,) = torch.autograd.grad(head(z, tokens)[0, step].square().sum(), z)
        assert grad.abs().max() > 1e-4
