"""The caption judge: reads words, not their order, their padding or the marks around them."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from multimodal.judge.caption import CaptionJudge, bag_of_words
from multimodal.types import BOS, EOS, PAD, UNK

VOCABULARY = 12  # four marks, three words that name the class, five that do not


def captions(content: Tensor, seed: int) -> Tensor:
    """`<bos>` filler, the word of the class, filler, `<eos>`, `<pad>`: (N,) -> (N, 6)."""
    filler = torch.randint(7, VOCABULARY, (len(content), 2), generator=torch.Generator().manual_seed(seed))
    columns = [torch.full_like(content, BOS), filler[:, 0], 4 + content, filler[:, 1]]
    return torch.stack([*columns, torch.full_like(content, EOS), torch.full_like(content, PAD)], dim=1)


@pytest.fixture(scope="module")
def judge() -> CaptionJudge:
    content = torch.arange(60) % 3
    return CaptionJudge().fit(captions(content, seed=0).int(), content, VOCABULARY)


def test_learns_which_word_names_the_class(judge) -> None:
    content = torch.arange(30) % 3
    assert torch.equal(judge.classify(captions(content, seed=1)), content)


def test_order_padding_and_marks_do_not_matter(judge) -> None:
    written = captions(torch.arange(30) % 3, seed=1)
    said = judge.classify(written)
    assert torch.equal(judge.classify(written.flip(1)), said)
    assert torch.equal(judge.classify(torch.nn.functional.pad(written, (0, 4), value=PAD)), said)
    assert torch.equal(judge.classify(written[:, 1:4]), said)
    assert torch.equal(judge.classify(torch.nn.functional.pad(written, (0, 1), value=UNK)), said)


def test_learns_nothing_from_captions_that_say_nothing() -> None:
    """Fillers alone: no better than a guess on captions that it has not read."""
    content = torch.arange(600) % 3
    say_nothing = captions(torch.zeros_like(content), seed=0)
    judge = CaptionJudge().fit(say_nothing[:300], content[:300], VOCABULARY)
    right = judge.classify(say_nothing[300:]) == content[300:]
    assert 0.2 < float(right.float().mean()) < 0.47


def test_classes_may_have_gaps() -> None:
    content = torch.tensor([2, 9]).repeat(20)
    judge = CaptionJudge().fit(captions((content == 9).long(), seed=0), content, VOCABULARY)
    assert judge.classify(captions(torch.tensor([1, 0]), seed=1)).tolist() == [9, 2]


def test_an_empty_caption_is_some_class(judge) -> None:
    assert judge.classify(torch.tensor([[BOS, EOS]])).item() in (0, 1, 2)


def test_a_bag_holds_each_word_once() -> None:
    bag = bag_of_words(torch.tensor([[BOS, 5, 5, 11, EOS, PAD]]), VOCABULARY)
    assert bag.nonzero()[1].tolist() == [5 - 4, 11 - 4]
    assert bag.max() == 1


def test_the_judge_of_sparse_bags_is_that_of_dense_ones(judge) -> None:
    """Whose memory grows with the vocabulary: 4,000 captions of 40,000 words took 1.3 GB."""
    content = torch.arange(60) % 3
    dense = LogisticRegression(C=10.0, max_iter=1000)
    dense.fit(bag_of_words(captions(content, seed=0), VOCABULARY).toarray(), content.numpy())
    assert abs(dense.coef_ - judge.model.coef_).max() < 1e-2
    large = bag_of_words(captions(content, seed=0), 10**9)
    assert large.shape == (60, 10**9 - 4)


def test_does_not_disturb_the_global_random_state(judge) -> None:
    before = torch.get_rng_state()
    CaptionJudge().fit(captions(torch.arange(30) % 3, seed=0), torch.arange(30) % 3, VOCABULARY)
    assert torch.equal(before, torch.get_rng_state())
