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
CHUNK = 1024  # queries at a time: memory grows with N and not with its square


class Members(NamedTuple):
    """Says which queries and candidates belong to which groups; a candidate is correct if it shares one with the query.

    Args:
        query: (Q, G) not 0 where a query belongs to a group.
        candidate: (C, G) the same for the candidates.
    """

    query: csr_array
    candidate: csr_array

    def right(self, start: int, stop: int) -> Tensor:
        """Return which candidates are correct for some of the queries: (stop - start, C) bool."""
        return torch.from_numpy((self.query[start:stop] @ self.candidate.T).toarray() > 0)


def members(query: Tensor, candidate: Tensor, group: Tensor) -> Members:
    """Return the groups of queries and candidates.

    Args:
        query: (N,) int64, the query that each sample belongs to, 0 to Q - 1.
        candidate: (N,) int64, the candidate that each sample belongs to, 0 to C - 1.
        group: (N,) int64, the sample's group.
    """
    number, ones = group.unique(return_inverse=True)[1].cpu().numpy(), np.ones(len(group), dtype=np.int64)
    rows = (side.cpu().numpy() for side in (query, candidate))
    return Members(*(csr_array((ones, (row, number)), shape=(row.max() + 1, number.max() + 1)) for row in rows))


def first_hit_rank(query: Tensor, candidate: Tensor, member: Members, seed: int, chunk: int) -> tuple[Tensor, Tensor]:
    """Compute the rank of the first correct candidate for each query, counted from 1, and how many are correct.

    Args:
        query: (Q, D) embeddings.
        candidate: (C, D) embeddings.
        member: the groups of both; each query has a correct candidate.
        seed: seed of the order that breaks ties.
        chunk: queries at a time.

    Returns:
        (Q,) int64 ranks and (Q,) int64 numbers of correct candidates.

    Example:
        >>> pairs = members(torch.arange(2), torch.arange(2), torch.arange(2))
        >>> first_hit_rank(torch.eye(2), torch.eye(2), pairs, seed=0, chunk=8)[0]
        tensor([1, 1])
        >>> first_hit_rank(torch.eye(2), torch.eye(2).flip(0), pairs, seed=0, chunk=8)[0]
        tensor([2, 2])
    """
    query = torch.nn.functional.normalize(query.float(), dim=-1)
    candidate = torch.nn.functional.normalize(candidate.float(), dim=-1)
    order = torch.randperm(len(candidate), generator=torch.Generator().manual_seed(seed)).to(query.device)
    candidate = candidate[order]
    ranks, rights = [], []
    for rows in torch.arange(len(query), device=query.device).split(chunk):
        score = query[rows] @ candidate.T
        hit = member.right(int(rows[0]), int(rows[-1]) + 1).to(query.device)[:, order]
        best, place = score.masked_fill(~hit, -torch.inf).max(dim=1)  # max gives the first of equals
        before = torch.arange(len(candidate), device=query.device) < place[:, None]
        ahead = (score > best[:, None]) | ((score == best[:, None]) & before)
        ranks.append(ahead.sum(dim=1) + 1)
        rights.append(hit.sum(dim=1))
    return torch.cat(ranks), torch.cat(rights)


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
    best = counts(caption, content).sort(dim=1, descending=True).values[:, :k]
    return float(best.sum() / len(content))


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
    table = counts(caption, content)  # (U, K)
    size = table.sum(1, keepdim=True)
    missed = torch.ones_like(table)
    for i in range(min(k, int(size.max()))):
        missed = missed * torch.where(size > i, (size - table - i).clamp(min=0) / (size - i).clamp(min=1), 1)
    recall = 1 - missed.min(dim=0).values  # (K,)
    asked = torch.bincount(content.unique(return_inverse=True)[1][query], minlength=table.shape[1])
    return float((recall * asked).sum() / len(query))


def counts(caption: Tensor, content: Tensor) -> Tensor:
    """Count how often each class occurs with each different caption.

    Args:
        caption: (N,) int64, equal for equal captions.
        content: (N,) int64 classes.

    Returns:
        (U, K) float64 for U different captions and K different classes.

    Example:
        >>> counts(torch.tensor([0, 0, 1]), torch.tensor([5, 7, 7]))
        tensor([[1., 1.],
                [0., 1.]], dtype=torch.float64)
    """
    rows, columns = (group.unique(return_inverse=True)[1] for group in (caption, content))
    classes = int(columns.max()) + 1
    cells = torch.bincount(rows * classes + columns, minlength=(int(rows.max()) + 1) * classes)
    return cells.view(-1, classes).double()


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
    found = {n: first_hit_rank(query, candidate, members(*sides, group), seed, CHUNK) for n, group in groups.items()}
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
