"""From next-word logits to captions: greedy decoding and beam search, for any autoregressive head.

Beam search ranks by the log-probability a word, `<eos>` counted: the length normalisation of Wu et al. 2016,
https://arxiv.org/abs/1609.08144, section 7, with the length itself as penalty and no coverage term.

`step(z, tokens, state)` gives, after each of (B, T) further tokens, logits (B, T, V) and the state to go on
from. The state is None, a tensor, or tuples, lists and dicts of these; every tensor is (L, B, ...), layers
first and samples second as in `nn.LSTM`, so that beams can be reordered.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from multimodal.checks import check_whole
from multimodal.types import BOS, EOS, PAD, UNK

State = Any
Step = Callable[[Tensor, Tensor, State], tuple[Tensor, State]]


@torch.no_grad()
def greedy(step: Step, z: Tensor, max_length: int) -> Tensor:
    """The likeliest word each time: (B, D) -> (B, T) int64, `<bos>` … `<eos>`, then `<pad>`."""
    token = torch.full((len(z), 1), BOS, device=z.device)
    ended = torch.zeros(len(z), 1, dtype=torch.bool, device=z.device)
    written, state = [token], None
    while len(written) < max_length and not ended.all():
        logits, state = step(z, token, state)
        token = sayable(logits).argmax(-1).masked_fill(ended, PAD)
        written.append(token)
        ended = ended | (token == EOS)
    return torch.cat(written, dim=1)


@torch.no_grad()
def beam_search(step: Step, z: Tensor, width: int, max_length: int) -> Tensor:
    """The best caption that `width` hypotheses a sample find: (B, D) -> (B, T) int64, as `greedy` writes it.

    A hypothesis that has ended keeps its score and its place for as long as no better one takes it.
    """
    check_whole("beam search", width=width)
    z = z.repeat_interleave(width, dim=0)  # (B * W, D), beams of a sample side by side
    written = torch.full((len(z), 1), BOS, device=z.device)
    total = torch.full((len(z) // width, width), -torch.inf, device=z.device)  # (B, W) nats
    total[:, 0] = 0  # one hypothesis to begin with
    length = torch.zeros_like(total)  # words, <eos> counted
    ended = torch.zeros_like(total, dtype=torch.bool)
    first, state = torch.arange(0, len(z), width, device=z.device)[:, None], None
    while written.shape[1] < max_length and not (ended | total.isinf()).all():
        logits, state = step(z, written[:, -1:], state)
        word = sayable(logits[:, -1]).float().log_softmax(-1).view(*total.shape, -1)  # (B, W, V) nats
        word = word.masked_fill(ended[..., None], -torch.inf)
        word[..., PAD] = torch.where(ended, 0, -torch.inf)  # nothing follows the end, at no cost
        totals, lengths = total[..., None] + word, length + ~ended
        best = (totals / lengths[..., None]).flatten(1).topk(width).indices  # best first
        parent, token = best // word.shape[-1], best % word.shape[-1]
        total, length = totals.flatten(1).gather(1, best), lengths.gather(1, parent)
        ended = ended.gather(1, parent) | (token == EOS)
        rows = (first + parent).flatten()
        written, state = torch.cat([written[rows], token.view(-1, 1)], dim=1), reorder(state, rows)
    winner = written[first[:, 0]]
    return winner[:, (winner != PAD).any(0)]


def sayable(logits: Tensor) -> Tensor:
    """(..., V) logits without the words that are never something to say."""
    never = torch.tensor([PAD, UNK, BOS], device=logits.device)
    return logits.index_fill(-1, never, -torch.inf)


def reorder(state: State, rows: Tensor) -> State:
    """The state of other rows: every (L, B, ...) in it becomes that of samples `rows`."""
    if isinstance(state, Tensor):
        return state.index_select(1, rows)
    if isinstance(state, dict):
        return {name: reorder(part, rows) for name, part in state.items()}
    return None if state is None else type(state)(reorder(part, rows) for part in state)
