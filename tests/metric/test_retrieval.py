"""Retrieval against plain sorting, chance against counting, and embeddings that know nothing or all."""

import itertools
import math
import statistics

import pytest
import torch
from torch import Tensor

from multimodal.metric.retrieval import (
    RANKS,
    chance,
    first_hit_ranks,
    members,
    pair_ceiling,
    retrieval,
    text_candidate_ceiling,
    text_query_ceiling,
)

CAPTION = torch.tensor([0, 0, 0, 1, 2, 2, 3, 4, 5, 5, 5, 5, 6, 7, 8])
CONTENT = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2])  # determined by the caption
SIZE = len(CAPTION)
AT_ONCE = 1000  # queries: more than there are
GROUPS = {"pair": torch.arange(SIZE), "caption": CAPTION, "class": CONTENT}


EVERY = torch.arange(SIZE)


def ranks_of(query: Tensor, candidate: Tensor, group: Tensor, seed: int, chunk: int = AT_ONCE) -> Tensor:
    """Of samples whose images and captions are all queries and candidates of their own."""
    every = torch.arange(len(group))
    return first_hit_ranks(query, candidate, {"a": members(every, every, group)}, seed, chunk)["a"][0]


def random_pairs(size: int = SIZE, dim: int = 4) -> tuple[Tensor, Tensor]:
    """Correlated embeddings of any length, about half of all cosines negative."""
    x, noise = torch.randn(2, size, dim, generator=torch.Generator().manual_seed(3))
    return 3 * x, x + noise


def slow_ranks(query: Tensor, candidate: Tensor, group: Tensor) -> list[int]:
    """For each query all candidates, sorted; the place of the first that counts."""
    ranks = []
    for i, q in enumerate(query):
        cosine = [float(torch.dot(q, c) / (q.norm() * c.norm())) for c in candidate]
        order = sorted(range(len(candidate)), key=lambda j: -cosine[j])
        ranks.append(1 + next(place for place, j in enumerate(order) if group[j] == group[i]))
    return ranks


@pytest.mark.parametrize("sign", [1, -1], ids=["alike", "opposed"])
@pytest.mark.parametrize("reading", GROUPS)
def test_ranks_equal_those_of_sorting(reading, sign) -> None:
    query, candidate = random_pairs()
    candidate = sign * candidate  # opposed: the right candidate's cosine is below 0 nearly always
    cosine = torch.cosine_similarity(query[:, None], candidate[None], dim=-1)
    assert 0.3 < (cosine < 0).float().mean() < 0.7
    group = GROUPS[reading]
    assert ranks_of(query, candidate, group, 0).tolist() == slow_ranks(query, candidate, group)


def test_scores_equal_those_of_sorting() -> None:
    query, candidate = random_pairs()
    scores = retrieval(query, candidate, CAPTION, CONTENT, EVERY, seed=0, text_query=False)
    for reading, group in GROUPS.items():
        ranks = slow_ranks(query, candidate, group)
        assert scores[f"median_rank_{reading}"] == statistics.median(ranks)
        for k in RANKS:
            assert scores[f"r{k}_{reading}"] == pytest.approx(sum(rank <= k for rank in ranks) / SIZE)


@pytest.mark.parametrize("chunk", [1, 4, SIZE])
def test_the_parts_that_save_memory_change_nothing(chunk) -> None:
    query, candidate = random_pairs()
    whole = ranks_of(query, candidate, CAPTION, 0)
    assert torch.equal(ranks_of(query, candidate, CAPTION, 0, chunk), whole)


def test_the_order_of_the_samples_does_not_matter() -> None:
    query, candidate = random_pairs()
    order = torch.randperm(SIZE, generator=torch.Generator().manual_seed(0))
    shuffled = retrieval(
        query[order], candidate[order], CAPTION[order], CONTENT[order], EVERY, seed=0, text_query=False
    )
    assert shuffled == pytest.approx(retrieval(query, candidate, CAPTION, CONTENT, EVERY, seed=0, text_query=False))


@pytest.mark.parametrize("k", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("group", [[0, 1, 2, 3, 4], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]], ids=str)
def test_chance_is_the_share_of_all_draws(group, k) -> None:
    """Every set of k candidates is as likely as any other."""
    draws = list(itertools.combinations(group, min(k, len(group))))
    shares = [sum(g in draw for draw in draws) / len(draws) for g in group]
    assert chance(torch.bincount(torch.tensor(group))[torch.tensor(group)], len(group), k) == pytest.approx(
        sum(shares) / len(group)
    )


@pytest.mark.parametrize("cosine", [1, 0, -1])
@pytest.mark.parametrize("reading", GROUPS)
def test_a_constant_embedding_scores_chance(reading, cosine) -> None:
    """All candidates tie, and each seed breaks the ties another way."""
    constant = torch.ones(SIZE, 3)
    runs = [ranks_of(constant, cosine * constant, GROUPS[reading], seed) for seed in range(400)]
    for k in RANKS:
        recall = statistics.fmean(float((ranks <= k).double().mean()) for ranks in runs)
        assert recall == pytest.approx(chance(torch.bincount(GROUPS[reading])[GROUPS[reading]], SIZE, k), abs=0.04), k


def test_a_constant_embedding_finds_each_place_once() -> None:
    """Also in a product large enough to be computed in blocks."""
    constant = torch.full((700, 48), 0.3)
    ranks = ranks_of(constant, constant, torch.arange(700), 0)
    assert sorted(ranks.tolist()) == list(range(1, 701))


def test_ties_are_broken_by_the_seed_alone() -> None:
    constant = torch.ones(SIZE, 3)
    first, again, other = (ranks_of(constant, constant, GROUPS["pair"], seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("way", ["image to text", "text to image"])
def test_a_perfect_model_reaches_the_ceiling(way) -> None:
    """Equal captions are indistinguishable: pairs are found as often as the ceiling says, all else always."""
    text = torch.nn.functional.one_hot(CAPTION).float()
    image = text + 0.01 * torch.randn(text.shape, generator=torch.Generator().manual_seed(0))
    pair = (image, text) if way == "image to text" else (text, image)
    runs = [retrieval(*pair, CAPTION, CONTENT, EVERY, seed, text_query=way == "text to image") for seed in range(20)]
    for k in RANKS:
        recall = statistics.fmean(run[f"r{k}_pair"] for run in runs)
        assert recall == pytest.approx(runs[0][f"r{k}_pair_ceiling"], abs=1e-6), k
        for reading in ("caption", "class"):
            assert {run[f"r{k}_{reading}"] for run in runs} == {1.0} == {runs[0][f"r{k}_{reading}_ceiling"]}


@pytest.mark.parametrize("text_query", [True, False])
def test_ceiling_is_the_share_of_twins_that_fit(text_query) -> None:
    same = torch.tensor([0, 0, 0, 0, 1, 1, 2])

    def ceiling(k: int) -> float:
        return pair_ceiling(same, torch.arange(7), k, text_query)

    assert ceiling(1) == pytest.approx((4 * 1 / 4 + 2 * 1 / 2 + 1) / 7)
    assert ceiling(2) == pytest.approx((4 * 2 / 4 + 2 + 1) / 7)
    assert ceiling(10) == 1


def all_orders(caption: Tensor, content: Tensor, k: int, text_query: bool) -> float:
    """The best R@k for the class that any order of the candidates reaches, tried one by one for each query."""
    n, scores = len(caption), []
    for q in range(n):
        if text_query:  # of orders of images, by what they find for all queries with this caption
            twins = [content[i] for i in range(n) if caption[i] == caption[q]]
            tops = itertools.permutations(content.tolist(), min(k, n))
            scores.append(max(sum(int(c) in top for c in twins) for top in tops) / len(twins))
            continue
        best = 0.0
        for order in itertools.permutations(caption.unique().tolist()):  # of captions, over the orders of equal ones
            groups = [[content[i] for i in range(n) if caption[i] == c] for c in order]
            mixed = [list(itertools.permutations(group)) for group in groups]
            tops = [list(itertools.chain(*choice))[:k] for choice in itertools.product(*mixed)]
            best = max(best, sum(content[q] in top for top in tops) / len(tops))
        scores.append(best)
    return sum(scores) / n


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("caption", "content"),
    [([0, 0, 0, 1, 1, 1], [0, 1, 1, 0, 0, 2]), ([3, 3, 3, 3, 8], [0, 5, 5, 9, 0]), ([0, 0, 1, 2], [0, 0, 1, 1])],
    ids=str,
)
def test_class_ceilings_are_the_best_of_all_orders(caption, content, k) -> None:
    caption, content = torch.tensor(caption), torch.tensor(content)
    assert text_query_ceiling(caption, content, k) == pytest.approx(all_orders(caption, content, k, True))
    assert text_candidate_ceiling(caption, content, torch.arange(len(caption)), k) == pytest.approx(
        all_orders(caption, content, k, False)
    )


# two captions that do not tell the class: 8, 4 and 2 images of the three classes under one; 3 and 11 under the other
VAGUE = torch.tensor([0] * 14 + [1] * 14)
SHOWN = torch.tensor([0] * 8 + [1] * 4 + [2] * 2 + [0] * 3 + [1] * 11)


def test_a_perfect_image_query_of_vague_captions_reaches_the_ceiling() -> None:
    """Each class asks for the caption that fits it best: the second for class 1, else the first."""
    text = torch.nn.functional.one_hot(VAGUE).float()
    image = torch.nn.functional.one_hot(torch.tensor([0, 1, 0])[SHOWN]).float()
    ranks = torch.stack([ranks_of(image, text, SHOWN, seed) for seed in range(500)])
    scores = retrieval(image, text, VAGUE, SHOWN, torch.arange(28), seed=0, text_query=False)
    for k in RANKS:
        missed = [math.comb(14 - fit, k) / math.comb(14, k) for fit in (8, 11, 2)]
        assert scores[f"r{k}_class_ceiling"] == pytest.approx(
            1 - (11 * missed[0] + 15 * missed[1] + 2 * missed[2]) / 28
        )
        assert float((ranks <= k).double().mean()) == pytest.approx(scores[f"r{k}_class_ceiling"], abs=0.04), k


def test_a_perfect_vague_caption_query_reaches_the_ceiling() -> None:
    """One image of each class stands out, the commonest class of the caption first."""
    fit = torch.tensor([[1.0, 0.9], [0.7, 1.0], [0.4, 0.0]])  # of each class to each caption
    image = torch.full((28, 3), -1.0)
    for k, place in enumerate((0, 8, 12)):
        image[place] = torch.tensor([*fit[k], (2 - fit[k].square().sum()).sqrt()])  # all of one length
    text = torch.nn.functional.one_hot(VAGUE, 3).float()
    scores = retrieval(text, image, VAGUE, SHOWN, torch.arange(28), seed=0, text_query=True)
    for k, expected in zip(RANKS, [(8 + 11) / 28, 1, 1], strict=True):
        assert scores[f"r{k}_class"] == pytest.approx(expected) == scores[f"r{k}_class_ceiling"]


@pytest.mark.parametrize("ceiling", [text_query_ceiling, text_candidate_ceiling])
@pytest.mark.parametrize("k", RANKS)
def test_captions_without_the_class_leave_no_more_than_a_guess(ceiling, k) -> None:
    """Every class as often under every caption: one of the first k must be of the class, among 12 of 3 classes."""
    caption, content = torch.arange(48) // 12, torch.arange(48) % 3
    guess = min(k / 3, 1.0) if ceiling is text_query_ceiling else 1 - math.comb(8, k) / math.comb(12, k)
    more = () if ceiling is text_query_ceiling else (torch.arange(48),)
    assert ceiling(caption, content, *more, k) == pytest.approx(guess)


# three images: two captions, of which one stands twice; three; and one, which the second image has as well
SEVERAL = torch.tensor([0, 1, 0, 2, 0, 1])
WORDS = torch.tensor([0, 0, 1, 2, 1, 3])  # of image 0: 0 1 1; of image 1: 0 3; of image 2: 2
KIND = torch.tensor([0, 1, 0, 1, 0, 1])
IMAGES = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])


def test_any_caption_of_the_image_is_right_and_each_image_counts_once() -> None:
    text = torch.tensor([[1.0, 2, 0], [0, 1, 0], [1, 0, 0], [2, 0, 1], [1, 0, 0], [0, 0, 1]])
    scores = retrieval(IMAGES[SEVERAL], text, WORDS, KIND, SEVERAL, seed=0, text_query=False)
    assert scores["r1_pair"] == pytest.approx(2 / 3)  # the third image's caption is nearer to the first
    assert scores["r1_pair_chance"] == pytest.approx((3 / 6 + 2 / 6 + 1 / 6) / 3)
    assert scores["r1_class_chance"] == pytest.approx(3 / 6)
    assert scores["r1_caption_chance"] == pytest.approx((4 / 6 + 3 / 6 + 1 / 6) / 3)  # captions 0 1, 0 3, 2
    scores = retrieval(text, IMAGES[SEVERAL], WORDS, KIND, SEVERAL, seed=0, text_query=True)
    assert scores["r1_pair"] == pytest.approx(3 / 6)
    assert scores["r1_pair_chance"] == pytest.approx(1 / 3)
    assert scores["r1_caption"] == pytest.approx(4 / 6)  # caption 0 is that of the second image, too
    assert scores["r1_caption_chance"] == pytest.approx((2 + 2 + 1 + 1 + 1 + 1) / 6 / 3)
    assert scores["r1_class_chance"] == pytest.approx((1 + 2 + 1 + 2 + 1 + 2) / 6 / 3)


def best_pairs(caption: Tensor, image: Tensor, k: int, text_query: bool) -> float:
    """The best R@k for the pair over all orders of the candidates, tried one by one for each query."""
    pairs, scores = list(zip(caption.tolist(), image.tolist(), strict=True)), []
    for c, g in pairs if text_query else sorted({(0, g) for _, g in pairs}):
        if text_query:
            shown = [i for text, i in pairs if text == c]
            orders = itertools.permutations(sorted(set(image.tolist())))
            scores.append(max(sum(i in order[:k] for i in shown) for order in orders) / len(shown))
            continue
        best = 0.0
        for order in itertools.permutations(sorted(set(caption.tolist()))):
            mixed = [list(itertools.permutations([i for text, i in pairs if text == c])) for c in order]
            tops = [list(itertools.chain(*choice))[:k] for choice in itertools.product(*mixed)]
            best = max(best, sum(g in top for top in tops) / len(tops))
        scores.append(best)
    return sum(scores) / len(scores)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("text_query", [True, False])
@pytest.mark.parametrize(
    ("caption", "image"),
    [([0, 0, 1, 2, 1, 3], [0, 1, 0, 2, 0, 1]), ([0, 0, 0, 0], [0, 1, 0, 2]), ([0, 1, 1, 1, 0], [0, 0, 1, 1, 2])],
    ids=str,
)
def test_pair_ceilings_are_the_best_of_all_orders(caption, image, text_query, k) -> None:
    caption, image = torch.tensor(caption), torch.tensor(image)
    assert pair_ceiling(caption, image, k, text_query) == pytest.approx(best_pairs(caption, image, k, text_query))
