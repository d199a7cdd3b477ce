"""Cross-modal retrieval by cosine similarity, in three readings of what counts as found.

`pair`: the very sample; `caption`: any sample with an equal caption; `class`: any of the class.
Equal captions have equal embeddings, so ties are common: they are broken by a seeded order of the
candidates, and a constant embedding scores no better than chance.
"""

import torch
from torch import Tensor

RANKS = (1, 5, 10)
CHUNK = 1024  # queries at a time: memory grows with N and not with its square


def first_hit_rank(query: Tensor, candidate: Tensor, group: Tensor, seed: int, chunk: int) -> Tensor:
    """Rank the first candidate of each query's group, from 1: (N, D) twice, (N,) -> (N,); `chunk` queries at a time."""
    query = torch.nn.functional.normalize(query.float(), dim=-1)
    candidate = torch.nn.functional.normalize(candidate.float(), dim=-1)
    order = torch.randperm(len(candidate), generator=torch.Generator().manual_seed(seed)).to(query.device)
    candidate, candidate_group = candidate[order], group[order]
    ranks = []
    for rows in torch.arange(len(query), device=query.device).split(chunk):
        score = query[rows] @ candidate.T
        found = group[rows][:, None] == candidate_group
        best, place = score.masked_fill(~found, -torch.inf).max(dim=1)  # max gives the first of equals
        before = torch.arange(len(candidate), device=query.device) < place[:, None]
        ahead = (score > best[:, None]) | ((score == best[:, None]) & before)
        ranks.append(ahead.sum(dim=1) + 1)
    return torch.cat(ranks)


def chance(group: Tensor, k: int) -> float:
    """Compute R@k of a random order: mean over queries of 1 - C(N - g, k) / C(N, k), g the size of its group."""
    size = torch.bincount(group)[group].double()
    n = float(len(group))
    missed = torch.ones_like(size)
    for i in range(min(k, len(group))):
        missed = missed * ((n - size - i) / (n - i)).clamp(min=0)
    return float(1 - missed.mean())


def pair_ceiling(same: Tensor, k: int) -> float:
    """Compute R@k of a perfect model for the very pair, where `same` (N,) numbers samples that are alike."""
    return float((k / torch.bincount(same)[same].double()).clamp(max=1).mean())


def text_query_ceiling(caption: Tensor, content: Tensor, k: int) -> float:
    """Compute R@k of a perfect model for the class, from a caption to the images.

    It knows the class of every image, and of equal captions only how often each class is pictured under them:
    their one ranking best starts with an image of each of the k most frequent. Exact.
    """
    best = counts(caption, content).sort(dim=1, descending=True).values[:, :k]
    return float(best.sum() / len(content))


def text_candidate_ceiling(caption: Tensor, content: Tensor, k: int) -> float:
    """Compute R@k of a perfect model for the class, from an image to the captions.

    It knows the image's class and puts first the caption under which k draws miss that class least; equal captions
    are drawn in random order. Exact for every k, in the mean over these orders: a second caption within the
    first k helps only where the first has run out, and then it was found already.
    """
    table = counts(caption, content)  # (U, K)
    size = table.sum(1, keepdim=True)
    missed = torch.ones_like(table)
    for i in range(min(k, int(size.max()))):
        missed = missed * torch.where(size > i, (size - table - i).clamp(min=0) / (size - i).clamp(min=1), 1)
    found = 1 - missed.min(dim=0).values  # (K,)
    return float((found * table.sum(0)).sum() / len(content))


def counts(caption: Tensor, content: Tensor) -> Tensor:
    """Count how often each class that occurs stands under each different caption: (N,), (N,) -> (U, K) float64."""
    rows, columns = (group.unique(return_inverse=True)[1] for group in (caption, content))
    classes = int(columns.max()) + 1
    cells = torch.bincount(rows * classes + columns, minlength=(int(rows.max()) + 1) * classes)
    return cells.view(-1, classes).double()


def retrieval(
    query: Tensor, candidate: Tensor, caption: Tensor, content: Tensor, seed: int, text_query: bool
) -> dict[str, float]:
    """Compute R@1/5/10, median rank, chance and ceiling in the three readings.

    Ceilings are those of a model that knows all of every image, and of a caption what it says.

    Args:
        query, candidate: (N, D) embeddings, row i of both of sample i.
        caption: (N,) int64, equal for equal captions.
        content: (N,) int64, the pictured class.
        seed: breaks ties.
        text_query: whether the queries are the captions; else the candidates are.
    """
    groups = {"pair": torch.arange(len(query), device=query.device), "caption": caption, "class": content}
    ranks = {name: first_hit_rank(query, candidate, group, seed, CHUNK) for name, group in groups.items()}
    scores = {f"median_rank_{name}": float(rank.double().quantile(0.5)) for name, rank in ranks.items()}
    class_ceiling = text_query_ceiling if text_query else text_candidate_ceiling
    for k in RANKS:
        ceiling = {"pair": pair_ceiling(caption, k), "caption": 1.0, "class": class_ceiling(caption, content, k)}
        for name, group in groups.items():
            scores[f"r{k}_{name}"] = float((ranks[name] <= k).double().mean())
            scores[f"r{k}_{name}_chance"] = chance(group, k)
            scores[f"r{k}_{name}_ceiling"] = ceiling[name]
    return scores
