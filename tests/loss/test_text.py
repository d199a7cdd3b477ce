"""Cross-entropy of the next word against loops, and padding that does not count."""

import math
from dataclasses import replace

import pytest
import torch

from multimodal.loss.text import TokenCrossEntropy
from multimodal.types import EOS, PAD, Output
from tests.helpers.toy import SIZES


def output(logits: torch.Tensor) -> Output:
    nothing = torch.zeros(1)
    return Output(nothing, nothing, logits, {}, {})


def random_logits(batch, extra: int = 0) -> torch.Tensor:
    """(B, T - 1, V)"""
    size = (len(batch.tokens), batch.tokens.shape[1] - 1 + extra, SIZES["vocab_size"])
    return 3 * torch.randn(size, generator=torch.Generator().manual_seed(0))


def slow(logits: list[list[list[float]]], tokens: list[list[int]]) -> float:
    costs = []
    for sample_logits, caption in zip(logits, tokens, strict=True):
        for scores, word in zip(sample_logits, caption[1:], strict=True):
            if word != PAD:
                costs.append(math.log(sum(math.exp(s) for s in scores)) - scores[word])
    return sum(costs) / len(costs)


def test_equals_loops_over_the_words(batch) -> None:
    logits = random_logits(batch)
    value = float(TokenCrossEntropy()(output(logits), batch))
    assert value == pytest.approx(slow(logits.tolist(), batch.tokens.tolist()), rel=1e-5)


@pytest.mark.parametrize("extra", [1, 5])
def test_more_padding_changes_nothing(batch, extra) -> None:
    logits = random_logits(batch, extra)
    longer = replace(batch, tokens=torch.nn.functional.pad(batch.tokens, (0, extra), value=PAD))
    short = TokenCrossEntropy()(output(logits[:, : batch.tokens.shape[1] - 1]), batch)
    torch.testing.assert_close(TokenCrossEntropy()(output(logits), longer), short)


def test_padding_gets_no_gradient_and_every_word_does(batch) -> None:
    logits = random_logits(batch).requires_grad_()
    TokenCrossEntropy()(output(logits), batch).backward()
    padding = batch.tokens[:, 1:] == PAD
    assert not logits.grad[padding].any()
    assert (logits.grad[~padding].abs().amax(-1) > 1e-4).all()


def test_the_end_of_the_caption_is_learned(batch) -> None:
    logits = random_logits(batch)
    surer = logits.clone()
    surer[..., EOS][batch.tokens[:, 1:] == EOS] += 1
    assert TokenCrossEntropy()(output(surer), batch) < TokenCrossEntropy()(output(logits), batch)
