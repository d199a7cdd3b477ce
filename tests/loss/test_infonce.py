"""Plain InfoNCE."""

import torch

from multimodal.loss.infonce import InfoNCE
from tests.helpers.pairs import EVERYONE, GAPS, TOKENS, embeddings, samples


def test_it_is_torchs_cross_entropy_with_the_diagonal() -> None:
    x, y = embeddings()
    score = torch.cosine_similarity(x[:, None], y[None], dim=-1) / 0.3
    target = torch.arange(len(x))
    expected = sum(torch.nn.functional.cross_entropy(way, target) for way in (score, score.T)) / 2
    result = InfoNCE(0.3, learned=False)(*samples(x, y, TOKENS, (EVERYONE, EVERYONE)))
    torch.testing.assert_close(result, expected)


def test_equal_captions_are_negatives_and_absent_pairs_take_no_part() -> None:
    x, y = embeddings()
    distinct = torch.arange(len(x))[:, None].expand(-1, 3)
    loss = InfoNCE(0.3, learned=False)
    torch.testing.assert_close(loss(*samples(x, y, TOKENS, GAPS)), loss(*samples(x, y, distinct, GAPS)))
    there = GAPS[0] & GAPS[1]
    alone = loss(*samples(x[there], y[there], TOKENS[there], (EVERYONE[there], EVERYONE[there])))
    torch.testing.assert_close(loss(*samples(x, y, TOKENS, GAPS)), alone)
