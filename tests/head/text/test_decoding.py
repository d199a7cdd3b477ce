"""Greedy decoding and beam search, against plain Python that reads the whole prefix again for every word."""

import itertools

import pytest
import torch

from multimodal.head.text.decoding import beam_search, greedy, reorder
from multimodal.head.text.lstm import LSTMDecoder
from multimodal.types import BOS, EOS, PAD, UNK

NEVER = [PAD, UNK, BOS]


def decoder(vocab_size: int, max_length: int) -> LSTMDecoder:
    torch.manual_seed(0)
    head = LSTMDecoder(8, vocab_size, max_length, 0.5).eval()
    torch.nn.init.normal_(head.to_logits.weight, std=2)  # opinions strong enough to differ by step
    return head


def joint(count: int) -> torch.Tensor:
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(1)) * 3


@torch.no_grad()
def next_word(head: LSTMDecoder, z: torch.Tensor, prefix: list[int]) -> list[float]:
    """Log-probability of each word after `prefix`, in nats."""
    logits = head(z[None], torch.tensor([[*prefix, PAD]]))[0, -1]
    logits[NEVER] = -torch.inf
    return logits.log_softmax(-1).tolist()


def total(head: LSTMDecoder, z: torch.Tensor, caption: list[int]) -> float:
    """Log-probability of a whole caption."""
    return sum(next_word(head, z, caption[:t])[caption[t]] for t in range(1, len(caption)))


def search(head: LSTMDecoder, z: torch.Tensor, width: int) -> list[int]:
    """Beam search for one sample, a list of (score, log-probability, caption)."""
    beams = [(0.0, 0.0, [BOS])]
    for _ in range(head.max_length - 1):
        following = [beam for beam in beams if beam[2][-1] == EOS]
        for _, said, caption in beams:
            if caption[-1] != EOS:
                for word, nats in enumerate(next_word(head, z, caption)):
                    if word not in NEVER:
                        following.append(((said + nats) / len(caption), said + nats, [*caption, word]))
        beams = sorted(following, key=lambda beam: -beam[0])[:width]
    return beams[0][2]


def captions(tokens: torch.Tensor) -> list[list[int]]:
    """Rows without their padding, which stands at the end only and no longer than the longest row asks for."""
    rows = [[t for t in row if t != PAD] for row in tokens.tolist()]
    assert tokens.tolist() == [row + [PAD] * (tokens.shape[1] - len(row)) for row in rows]
    assert tokens.shape[1] == max(map(len, rows))
    return rows


def test_a_beam_of_one_is_greedy() -> None:
    head, z = decoder(12, 10), joint(32)
    assert torch.equal(head.beam(z, 1), head.generate(z))


@pytest.mark.parametrize("width", [2, 3, 5])
def test_beam_search_of_a_batch_equals_plain_search_one_by_one(width: int) -> None:
    head, z = decoder(9, 7), joint(12)
    found = captions(head.beam(z, width))
    assert found == [search(head, one, width) for one in z]
    assert len({len(caption) for caption in found}) > 1  # some end before others
    assert found != captions(head.generate(z))  # there was something to search for


def test_a_beam_as_wide_as_all_captions_finds_the_best_of_them() -> None:
    head, z = decoder(6, 5), joint(16)  # two words and <eos>
    said = [words for n in range(head.max_length) for words in itertools.product([4, 5], repeat=n)]
    every = [[BOS, *words, EOS][: head.max_length] for words in said]
    found = captions(head.beam(z, len(every)))
    for caption, one in zip(found, z, strict=True):
        assert caption == max(every, key=lambda c: total(head, one, c) / (len(c) - 1))
    assert any(caption[-1] == EOS for caption in found)


def test_beam_search_finds_likelier_captions_than_greedy_on_average() -> None:
    head, z = decoder(12, 8), joint(24)
    scores = [
        sum(total(head, one, c) / (len(c) - 1) for c, one in zip(captions(written), z, strict=True))
        for written in (head.beam(z, 4), head.generate(z))
    ]
    assert scores[0] > scores[1] + 0.1


def test_one_sample_alone_is_written_as_in_its_batch() -> None:
    head, z = decoder(12, 10), joint(8)
    assert [captions(head.beam(one[None], 3))[0] for one in z] == captions(head.beam(z, 3))


@pytest.mark.parametrize("decode", [greedy, lambda *a: beam_search(a[0], a[1], 3, a[2])], ids=["greedy", "beam"])
@pytest.mark.parametrize("max_length", [1, 2, 6])
def test_what_is_never_said_is_not_said_and_the_length_is_kept(decode, max_length: int) -> None:
    def step(z, tokens, state):
        logits = torch.zeros(len(z), 1, 8)
        logits[..., NEVER] = 9.0
        logits[..., EOS] = -20.0
        return logits, state

    written = decode(step, torch.zeros(4, 2), max_length)
    assert written.dtype == torch.int64
    assert written.shape == (4, max_length)
    assert (written[:, 0] == BOS).all()
    assert (written[:, 1:] > EOS).all()


def test_a_beam_without_enough_captions_to_fill_it_stops_when_all_have_ended() -> None:
    steps = []

    def step(z, tokens, state):
        steps.append(tokens)
        return torch.full((len(z), 1, 4), 0.0), state  # <eos> is the only word

    assert beam_search(step, torch.zeros(2, 3), 4, 50).tolist() == [[BOS, EOS]] * 2
    assert len(steps) == 1


def test_every_tensor_of_a_state_is_reordered() -> None:
    rows = torch.tensor([2, 2, 0])
    state = {"cache": [torch.arange(6).view(2, 3), None], "last": (torch.arange(3).view(1, 3, 1),)}
    other = reorder(state, rows)
    assert other["cache"][0].tolist() == [[2, 2, 0], [5, 5, 3]]
    assert other["cache"][1] is None
    assert isinstance(other["last"], tuple)
    assert other["last"][0].flatten().tolist() == [2, 2, 0]


def test_a_width_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="got 0"):
        decoder(9, 7).beam(joint(2), 0)
