"""Cross-modal retrieval by cosine similarity, in three readings of what counts as found.

`pair`: the very sample; `caption`: any sample with an equal caption; `class`: any of the class.
Equal captions have equal embeddings, so ties are common: they are broken by a seeded order of the
candidates, and a constant embedding scores no better than chance.
"""

import torch
from torch import Tensor

RANKS = (1, 5, 10)
CHUNK = 1024  # queries at a time, so that memory grows with N and not with its square


def best_ranks(query: Tensor, candidate: Tensor, group: Tensor, seed: int) -> Tensor:
    """Rank, from 1, of the first candidate of each query's group: (N, D), (N, D), (N,) -> (N,) int64."""
    query = torch.nn.functional.normalize(query.float(), dim=-1)
    candidate = torch.nn.functional.normalize(candidate.float(), dim=-1)
    order = torch.randperm(len(candidate), generator=torch.Generator().manual_seed(seed)).to(query.device)
    candidate, candidate_group = candidate[order], group[order]
    ranks = []
    for rows in torch.arange(len(query), device=query.device).split(CHUNK):
        score = query[rows] @ candidate.T
        found = group[rows][:, None] == candidate_group
        best, place = score.masked_fill(~found, -torch.inf).max(dim=1)  # max gives the first of equals
        before = torch.arange(len(candidate), device=query.device) < place[:, None]
        ahead = (score > best[:, None]) | ((score == best[:, None]) & before)
        ranks.append(ahead.sum(dim=1) + 1)
    return torch.cat(ranks)


def chance(group: Tensor, k: int) -> float:
    """R@k of a random order: mean over queries of 1 - C(N - g, k) / C(N, k), g the size of its group."""
    size = torch.bincount(group)[group].double()
    n = float(len(group))
    missed = torch.ones_like(size)
    for i in range(min(k, len(group))):
        missed = missed * ((n - size - i) / (n - i)).clamp(min=0)
    return float(1 - missed.mean())


def pair_ceiling(same: Tensor, k: int) -> float:
    """R@k of a perfect model for the very pair, when `same` (N,) numbers samples nobody can tell apart."""
    return float((k / torch.bincount(same)[same].double()).clamp(max=1).mean())


def retrieval(query: Tensor, candidate: Tensor, caption: Tensor, content: Tensor, seed: int) -> dict[str, float]:
    """R@1/5/10, median rank, chance and ceiling in the three readings.

    Args:
        query, candidate: (N, D) embeddings, row i of both of sample i.
        caption: (N,) int64, equal for equal captions.
        content: (N,) int64, the pictured class.
        seed: breaks ties.
    """
    pair = torch.arange(len(query), device=query.device)
    scores = {}
    for name, group in {"pair": pair, "caption": caption, "class": content}.items():
        ranks = best_ranks(query, candidate, group, seed)
        scores[f"median_rank_{name}"] = float(ranks.double().quantile(0.5))
        for k in RANKS:
            scores[f"r{k}_{name}"] = float((ranks <= k).double().mean())
            scores[f"r{k}_{name}_chance"] = chance(group, k)
            scores[f"r{k}_{name}_ceiling"] = pair_ceiling(caption, k) if name == "pair" else 1.0
    return scores
