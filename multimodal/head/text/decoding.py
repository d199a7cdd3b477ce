"""Greedy decoding and beam search, for any autoregressive text head.

Beam search ranks by log-probability per word, `<eos>` included: the length normalisation of Wu et al. 2016,
https://arxiv.org/abs/1609.08144, section 7, with the length itself as penalty and no coverage term.

`step(z, tokens, state)` returns logits (B, T, V) after each of (B, T) further tokens, and the state for the next
call. The state is None, a tensor, or a nesting of tuples, lists and dicts of these. Every tensor is (L, B, ...),
layers first and samples second as in `nn.LSTM`, so that beams can be reordered.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from multimodal.checks import MOST_BEAMS, check_whole
from multimodal.types import BOS, EOS, PAD, UNK

State = Any
Step = Callable[[Tensor, Tensor, State], tuple[Tensor, State]]


@torch.no_grad()
def greedy(step: Step, z: Tensor, max_length: int) -> Tensor:
    """Decode the most likely word at each step.

    Args:
        step: computes next-word logits, see above.
        z: (B, D).
        max_length: largest number of tokens, `<bos>` and `<eos>` included.

    Returns:
        (B, T) int64, `<bos>` … `<eos>`, then `<pad>`.
    """
    token = torch.full(
        (z.shape[0], 1), BOS, device=z.device
    )  # not len(z), which an exported file would hold as a number
    ended = torch.zeros(z.shape[0], 1, dtype=torch.bool, device=z.device)
    tokens, state = [token], None
    while len(tokens) < max_length and (torch.compiler.is_exporting() or not ended.all()):
        logits, state = step(z, token, state)
        token = mask_special(logits).argmax(-1).masked_fill(ended, PAD)
        tokens.append(token)
        ended = ended | (token == EOS)
    return torch.cat(tokens, dim=1)


@torch.no_grad()
def beam_search(step: Step, z: Tensor, width: int, max_length: int) -> Tensor:
    """Decode by beam search with W hypotheses per sample.

    A finished hypothesis keeps its score and stays in the beam until W better ones replace it.

    Args:
        step: computes next-word logits, see above.
        z: (B, D).
        width: W.
        max_length: largest number of tokens, `<bos>` and `<eos>` included.

    Returns:
        The best hypothesis of each sample, (B, T) int64, `<bos>` … `<eos>`, then `<pad>`.

    Raises:
        ValueError: `width` is not a whole number from 1 to 1000.
    """
    check_whole("beam search", most=MOST_BEAMS, width=width)
    z = z.repeat_interleave(width, dim=0)  # (B * W, D), beams of a sample side by side
    tokens = torch.full((len(z), 1), BOS, device=z.device)
    total = torch.full((len(z) // width, width), -torch.inf, device=z.device)  # (B, W) nats
    total[:, 0] = 0  # a single hypothesis at the start
    length = torch.zeros_like(total)  # words, <eos> included
    ended = torch.zeros_like(total, dtype=torch.bool)
    first, state = torch.arange(0, len(z), width, device=z.device)[:, None], None
    while tokens.shape[1] < max_length and not (ended | total.isinf()).all():
        logits, state = step(z, tokens[:, -1:], state)
        word = mask_special(logits[:, -1]).float().log_softmax(-1).view(*total.shape, -1)  # (B, W, V) nats
        word = word.masked_fill(ended[..., None], -torch.inf)
        word[..., PAD] = torch.where(ended, 0, -torch.inf)  # a finished hypothesis is padded at no cost
        totals, lengths = total[..., None] + word, length + ~ended
        best = (totals / lengths[..., None]).flatten(1).topk(width).indices  # best first
        parent, token = best // word.shape[-1], best % word.shape[-1]
        total, length = totals.flatten(1).gather(1, best), lengths.gather(1, parent)
        ended = ended.gather(1, parent) | (token == EOS)
        rows = (first + parent).flatten()
        tokens, state = torch.cat([tokens[rows], token.view(-1, 1)], dim=1), reorder(state, rows)
    winner = tokens[first[:, 0]]
    return winner[:, (winner != PAD).any(0)]


def mask_special(logits: Tensor) -> Tensor:
    """Set the logits (..., V) of `<pad>`, `<unk>` and `<bos>` to minus infinity."""
    special = torch.tensor([PAD, UNK, BOS], device=logits.device)
    return logits.index_fill(-1, special, -torch.inf)


def reorder(state: State, rows: Tensor) -> State:
    """Select samples in a state: index every (L, B, ...) in it by `rows` along its second axis."""
    if isinstance(state, Tensor):
        return state.index_select(1, rows)
    if isinstance(state, dict):
        return {name: reorder(part, rows) for name, part in state.items()}
    return None if state is None else type(state)(reorder(part, rows) for part in state)
