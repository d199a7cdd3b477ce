"""Cross-modal retrieval of the encoders by cosine similarity, with three definitions of a correct result.

`pair`: the same image; `caption`: an equal caption; `class`: the same class. An image with several captions is one
query, or one candidate, which all its captions belong to; each of the captions is a query or candidate of its own.
Equal captions have equal embeddings, so ties are common: they are broken by a seeded order of the
candidates, and a constant embedding scores no better than chance.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

RANKS = (1, 5, 10)
CHUNK = 1024  # queries at a time, at most
SCORES = 2**22  # cosines in memory at a time: so memory does not grow with the square of N


class Members(NamedTuple):
    """Says which queries and candidates belong to which groups; a candidate is correct if it shares one with the query.

    Args:
        query: (Q, G) bool.
        candidate: (G, C) bool.
    """

    query: csr_array
    candidate: csr_array

    def right(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return the correct candidates of some of the queries, query after query.

        Returns:
            For each of them (n,) int64 its query, counted from `start`, and the candidate.
        """
        found = self.query[start:stop] @ self.candidate
        row = np.repeat(np.arange(stop - start), np.diff(found.indptr))
        return torch.from_numpy(row), torch.from_numpy(found.indices).long()


def members(query: Tensor, candidate: Tensor, group: Tensor) -> Members:
    """Return the groups of queries and candidates.

    Args:
        query: (N,) int64, the query that each sample belongs to, 0 to Q - 1.
        candidate: (N,) int64, the candidate that each sample belongs to, 0 to C - 1.
        group: (N,) int64, the sample's group.
    """
    number, ones = group.unique(return_inverse=True)[1].cpu().numpy(), np.ones(len(group), dtype=bool)
    rows = (side.cpu().numpy() for side in (query, candidate))
    sides = (csr_array((ones, (row, number)), shape=(row.max() + 1, number.max() + 1)) for row in rows)
    return Members(next(sides), next(sides).T.tocsr())


def first_hit_ranks(
    query: Tensor, candidate: Tensor, groups: dict[str, Members], seed: int, chunk: int
) -> dict[str, tuple[Tensor, Tensor]]:
    """Compute the rank of the first correct candidate for each query, counted from 1, and how many are correct.

    Args:
        query: (Q, D) embeddings.
        candidate: (C, D) embeddings.
        groups: {definition of a correct candidate: the groups of both}; each query has a correct candidate.
        seed: seed of the order that breaks ties.
        chunk: queries at a time.

    Returns:
        {definition: (Q,) int64 ranks and (Q,) int64 numbers of correct candidates}.

    Example:
        >>> pairs = {"pair": members(torch.arange(2), torch.arange(2), torch.arange(2))}
        >>> first_hit_ranks(torch.eye(2), torch.eye(2), pairs, seed=0, chunk=8)["pair"][0]
        tensor([1, 1])
        >>> first_hit_ranks(torch.eye(2), torch.eye(2).flip(0), pairs, seed=0, chunk=8)["pair"][0]
        tensor([2, 2])
    """
    device = query.device
    query = torch.nn.functional.normalize(query.float(), dim=-1)
    order = torch.randperm(len(candidate), generator=torch.Generator().manual_seed(seed)).to(device)
    place = order.argsort()  # of each candidate in this order
    candidate = torch.nn.functional.normalize(candidate.float(), dim=-1)[order]
    # results are allocated before the parts: small ones between them would keep their memory from being used again
    found = {n: (order.new_empty(len(query)), order.new_empty(len(query))) for n in groups}
    for start in range(0, len(query), chunk):
        score = query[start : start + chunk] @ candidate.T
        for name, member in groups.items():
            row, column = (x.to(device) for x in member.right(start, start + len(score)))
            rank, right = (each[start : start + chunk] for each in found[name])
            rank[:] = ranks_of_first(score, row, place[column])
            right[:] = row.bincount(minlength=len(score))
    return found


def ranks_of_first(score: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Compute the rank of the highest of some scores of each row; of equal scores the left one comes first.

    Args:
        score: (Q, C).
        row: (n,) int64, of the scores to look at; each row at least once.
        column: (n,) int64.

    Returns:
        (Q,) int64, counted from 1.

    Example:
        >>> ranks_of_first(torch.tensor([[0.5, 0.9, 0.5]]), row=torch.tensor([0]), column=torch.tensor([2]))
        tensor([3])
    """
    value = score[row, column]
    best = value.new_full((len(score),), -torch.inf).scatter_reduce(0, row, value, "amax")
    first = torch.full_like(best, score.shape[1], dtype=torch.int64)
    first = first.scatter_reduce(0, row, torch.where(value == best[row], column, score.shape[1]), "amin")
    before = torch.arange(score.shape[1], device=score.device) < first[:, None]
    ahead = (score > best[:, None]) | ((score == best[:, None]) & before)
    return ahead.sum(dim=1, dtype=torch.int32).long() + 1  # int32: several times faster than the default


def chance(right: Tensor, candidates: int, k: int) -> float:
    """Compute R@k of a random order: the mean over queries of 1 - C(n - r, k) / C(n, k), r of n being correct.

    Args:
        right: (Q,) int64, the correct candidates of each query.
        candidates: number of all candidates.
        k: number of top-ranked candidates.

    Returns:
        Share in [0, 1].

    Example:
        >>> chance(torch.tensor([2, 2, 2, 2]), candidates=4, k=1)
        0.5
    """
    size = right.double()
    n = float(candidates)
    missed = torch.ones_like(size)
    for i in range(min(k, candidates)):
        missed = missed * ((n - size - i) / (n - i)).clamp(min=0)
    return float(1 - missed.mean())


def pair_ceiling(caption: Tensor, image: Tensor, k: int, text_query: bool) -> float:
    """Compute the highest possible R@k for the pair, since samples with equal captions cannot be told apart.

    From a caption, the images that it occurs with most often come first. From an image, that of its captions comes
    first for which k random samples are least likely to miss the image; see `text_candidate_ceiling`.

    Args:
        caption: (N,) int64, equal for equal captions.
        image: (N,) int64, equal for equal images, numbered from 0 in order of first occurrence.
        k: number of top-ranked candidates.
        text_query: whether the queries are the captions; else the images are, each once.

    Returns:
        Share in [0, 1].

    Example:
        >>> caption = torch.tensor([0, 0, 1])
        >>> round(pair_ceiling(caption, torch.tensor([0, 1, 2]), k=1, text_query=True), 4)  # (1/2 + 1/2 + 1) / 3
        0.6667
        >>> pair_ceiling(caption, torch.tensor([0, 1, 1]), k=1, text_query=False)  # (1/2 + 1) / 2
        0.75
    """
    text = caption.unique(return_inverse=True)[1]
    size = torch.bincount(text).double()
    keys, together = (text * (image.max() + 1) + image).unique(return_counts=True)  # of each caption and image
    owner, shown = keys // (image.max() + 1), keys % (image.max() + 1)
    if text_query:
        order = together.argsort(descending=True, stable=True)
        order = order[owner[order].argsort(stable=True)]  # caption after caption, the most frequent image first
        start = torch.bincount(owner).cumsum(0) - torch.bincount(owner)
        place = torch.arange(len(order), device=order.device) - start[owner[order]]
        looked_at = order[place < k]
        found = torch.zeros(len(size), dtype=torch.float64, device=size.device)
        found = found.index_add(0, owner[looked_at], together[looked_at].double())
        recall = torch.where(found == size, 1, found * (1 / size))
        return float(recall[text].mean())
    n, own = size[owner], together.double()
    missed = torch.ones_like(n)
    for i in range(min(k, int(size.max()))):
        missed = missed * torch.where(n > i, (n - own - i).clamp(min=0) / (n - i).clamp(min=1), 1)
    recall = torch.where(own == 1, (k / n).clamp(max=1), 1 - missed)  # the same where one is right, without round-off
    best = torch.zeros(int(image.max()) + 1, dtype=torch.float64, device=n.device)
    return float(best.scatter_reduce(0, shown, recall, "amax").mean())


def text_query_ceiling(caption: Tensor, content: Tensor, k: int) -> float:
    """Compute the exact highest possible R@k for the class, from a caption to the images.

    A perfect model knows the class of every image; for equal captions it knows only how often each class occurs
    with them. Equal captions share one ranking, and the best one starts with an image of each of the k most frequent
    classes.

    Args:
        caption: (N,) int64, equal for equal captions.
        content: (N,) int64 classes.
        k: number of top-ranked candidates.

    Returns:
        Share in [0, 1].

    Example:
        >>> round(text_query_ceiling(torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]), k=1), 4)
        0.6667
    """
    owner, _, together = counts(caption, content)
    order = together.argsort(descending=True, stable=True)
    order = order[owner[order].argsort(stable=True)]  # caption after caption, the most frequent class first
    size = torch.bincount(owner)
    place = torch.arange(len(order), device=order.device) - (size.cumsum(0) - size)[owner[order]]
    return float(together[order[place < k]].sum() / len(content))


def text_candidate_ceiling(caption: Tensor, content: Tensor, query: Tensor, k: int) -> float:
    """Compute the highest possible R@k for the class, from an image to the captions.

    A perfect model knows the image's class and ranks first the caption for which k random samples are least likely to
    miss that class; samples with equal captions come in random order. Exact for every k, as a mean over these orders:
    a second caption within the first k helps only after all samples of the first one, and then the class is already
    retrieved.

    Args:
        caption: (N,) int64, equal for equal captions.
        content: (N,) int64 classes.
        query: (Q,) int64 samples, one of each image.
        k: number of top-ranked candidates.

    Returns:
        Share in [0, 1].

    Example:
        >>> same, content, query = torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]), torch.arange(3)
        >>> round(text_candidate_ceiling(same, content, query, k=1), 4)  # (4/3 + 1/3) / 3
        0.5556
    """
    owner, shown, together = counts(caption, content)
    size = torch.zeros(int(owner.max()) + 1, dtype=torch.float64, device=owner.device).index_add(0, owner, together)
    n = size[owner]
    missed = torch.ones_like(n)
    for i in range(min(k, int(n.max()))):
        missed = missed * torch.where(n > i, (n - together - i).clamp(min=0) / (n - i).clamp(min=1), 1)
    best = missed.new_ones(int(shown.max()) + 1).scatter_reduce(0, shown, missed, "amin")  # (K,)
    asked = torch.bincount(content.unique(return_inverse=True)[1][query], minlength=len(best))
    return float(((1 - best) * asked).sum() / len(query))


def counts(caption: Tensor, content: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Count how often each class occurs with each different caption, of those that occur together.

    Args:
        caption: (N,) int64, equal for equal captions.
        content: (N,) int64 classes.

    Returns:
        For each pair (P,) int64 the caption and the class, both numbered from 0 by value, and (P,) float64 how often.

    Example:
        >>> caption, class_, together = counts(torch.tensor([0, 0, 1]), torch.tensor([5, 7, 7]))
        >>> list(zip(caption.tolist(), class_.tolist(), together.tolist()))
        [(0, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0)]
    """
    rows, columns = (group.unique(return_inverse=True)[1] for group in (caption, content))
    classes = int(columns.max()) + 1
    pairs, together = (rows * classes + columns).unique(return_counts=True)
    return pairs // classes, pairs % classes, together.double()


def retrieval(
    query: Tensor, candidate: Tensor, caption: Tensor, content: Tensor, image: Tensor, seed: int, text_query: bool
) -> dict[str, float]:
    """Compute R@1, R@5, R@10 and the median rank for each definition of a correct result.

    The ceiling is that of a model that knows everything about each image, and of each caption only its words.

    Args:
        query: (N, D) embeddings.
        candidate: (N, D) embeddings, in the same order.
        caption: (N,) int64, equal for equal captions.
        content: (N,) int64, the pictured class.
        image: (N,) int64, equal for equal images, numbered from 0 in order of first occurrence.
        seed: seed of the order that breaks ties.
        text_query: whether the queries are the captions; else the candidates are.

    Returns:
        For each definition `pair`, `caption`, `class` and k = 1, 5, 10: `median_rank_<definition>`,
        `r<k>_<definition>`, `r<k>_<definition>_chance` and `r<k>_<definition>_ceiling`.

    Example:
        >>> x, content, every = torch.eye(4), torch.tensor([0, 0, 1, 1]), torch.arange(4)
        >>> scores = retrieval(x, x, caption=every, content=content, image=every, seed=0, text_query=False)
        >>> [scores[name] for name in ("r1_pair", "r1_pair_chance", "r1_class_chance", "median_rank_pair")]
        [1.0, 0.25, 0.5, 1.0]
    """
    sample = torch.arange(len(query), device=query.device)
    first = torch.full((int(image.max()) + 1,), len(image), device=image.device).scatter_reduce(
        0, image, sample, "amin"
    )
    if text_query:
        sides, candidate = (sample, image), candidate[first]
    else:
        sides, query = (image, sample), query[first]
    groups = {"pair": image, "caption": caption, "class": content}
    chunk = min(CHUNK, max(1, SCORES // len(candidate)))
    found = first_hit_ranks(query, candidate, {n: members(*sides, g) for n, g in groups.items()}, seed, chunk)
    scores = {f"median_rank_{name}": float(rank.double().quantile(0.5)) for name, (rank, _) in found.items()}
    for k in RANKS:
        by_class = text_query_ceiling(caption, content, k)
        if not text_query:
            by_class = text_candidate_ceiling(caption, content, first, k)
        ceiling = {"pair": pair_ceiling(caption, image, k, text_query), "caption": 1.0, "class": by_class}
        for name, (rank, right) in found.items():
            scores[f"r{k}_{name}"] = float((rank <= k).double().mean())
            scores[f"r{k}_{name}_chance"] = chance(right, len(candidate), k)
            scores[f"r{k}_{name}_ceiling"] = ceiling[name]
    return scores
