"""Cross-modal retrieval by cosine similarity, with three definitions of a correct result.

`pair`: the same sample; `caption`: any sample with an equal caption; `class`: any sample of the same class.
Equal captions have equal embeddings, so ties are common: they are broken by a seeded order of the
candidates, and a constant embedding scores no better than chance.
"""

import torch
from torch import Tensor

RANKS = (1, 5, 10)
CHUNK = 1024  # queries at a time: memory grows with N and not with its square


def first_hit_rank(query: Tensor, candidate: Tensor, group: Tensor, seed: int, chunk: int) -> Tensor:
    """Compute the rank of the first correct candidate for each query, counted from 1.

    Args:
        query: (N, D) embeddings.
        candidate: (N, D) embeddings, in the same order.
        group: (N,) int64; a candidate is correct if it is in the query's group.
        seed: seed of the order that breaks ties.
        chunk: queries at a time.

    Returns:
        (N,) int64.

    Example:
        >>> first_hit_rank(torch.eye(2), torch.eye(2), torch.tensor([0, 1]), seed=0, chunk=8)
        tensor([1, 1])
        >>> first_hit_rank(torch.eye(2), torch.eye(2).flip(0), torch.tensor([0, 1]), seed=0, chunk=8)
        tensor([2, 2])
    """
    query = torch.nn.functional.normalize(query.float(), dim=-1)
    candidate = torch.nn.functional.normalize(candidate.float(), dim=-1)
    order = torch.randperm(len(candidate), generator=torch.Generator().manual_seed(seed)).to(query.device)
    candidate, candidate_group = candidate[order], group[order]
    ranks = []
    for rows in torch.arange(len(query), device=query.device).split(chunk):
        score = query[rows] @ candidate.T
        hit = group[rows][:, None] == candidate_group
        best, place = score.masked_fill(~hit, -torch.inf).max(dim=1)  # max gives the first of equals
        before = torch.arange(len(candidate), device=query.device) < place[:, None]
        ahead = (score > best[:, None]) | ((score == best[:, None]) & before)
        ranks.append(ahead.sum(dim=1) + 1)
    return torch.cat(ranks)


def chance(group: Tensor, k: int) -> float:
    """Compute R@k of a random order: the mean over queries of 1 - C(N - g, k) / C(N, k), g the size of its group.

    Args:
        group: (N,) int64.
        k: number of top-ranked candidates.

    Returns:
        Share in [0, 1].

    Example:
        >>> chance(torch.tensor([0, 0, 1, 1]), k=1)
        0.5
    """
    size = torch.bincount(group)[group].double()
    n = float(len(group))
    missed = torch.ones_like(size)
    for i in range(min(k, len(group))):
        missed = missed * ((n - size - i) / (n - i)).clamp(min=0)
    return float(1 - missed.mean())


def pair_ceiling(same: Tensor, k: int) -> float:
    """Compute the highest possible R@k for the pair, since samples with equal captions are indistinguishable.

    Args:
        same: (N,) int64, equal for equal captions.
        k: number of top-ranked candidates.

    Returns:
        Share in [0, 1].

    Example:
        >>> round(pair_ceiling(torch.tensor([0, 0, 1]), k=1), 4)  # (1/2 + 1/2 + 1) / 3
        0.6667
    """
    return float((k / torch.bincount(same)[same].double()).clamp(max=1).mean())


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


def text_candidate_ceiling(caption: Tensor, content: Tensor, k: int) -> float:
    """Compute the highest possible R@k for the class, from an image to the captions.

    A perfect model knows the image's class and ranks first the caption for which k random samples are least likely to
    miss that class; samples with equal captions come in random order. Exact for every k, as a mean over these orders:
    a second caption within the first k helps only after all samples of the first one, and then the class is already
    retrieved.

    Args:
        caption: (N,) int64, equal for equal captions.
        content: (N,) int64 classes.
        k: number of top-ranked candidates.

    Returns:
        Share in [0, 1].

    Example:
        >>> round(text_candidate_ceiling(torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]), k=1), 4)  # (4/3 + 1/3) / 3
        0.5556
    """
    table = counts(caption, content)  # (U, K)
    size = table.sum(1, keepdim=True)
    missed = torch.ones_like(table)
    for i in range(min(k, int(size.max()))):
        missed = missed * torch.where(size > i, (size - table - i).clamp(min=0) / (size - i).clamp(min=1), 1)
    recall = 1 - missed.min(dim=0).values  # (K,)
    return float((recall * table.sum(0)).sum() / len(content))


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
    query: Tensor, candidate: Tensor, caption: Tensor, content: Tensor, seed: int, text_query: bool
) -> dict[str, float]:
    """Compute R@1, R@5, R@10 and the median rank for each definition of a correct result.

    The ceiling is that of a model that knows everything about each image, and of each caption only its words.

    Args:
        query: (N, D) embeddings.
        candidate: (N, D) embeddings, in the same order.
        caption: (N,) int64, equal for equal captions.
        content: (N,) int64, the pictured class.
        seed: seed of the order that breaks ties.
        text_query: whether the queries are the captions; else the candidates are.

    Returns:
        For each definition `pair`, `caption`, `class` and k = 1, 5, 10: `median_rank_<definition>`,
        `r<k>_<definition>`, `r<k>_<definition>_chance` and `r<k>_<definition>_ceiling`.

    Example:
        >>> x, content = torch.eye(4), torch.tensor([0, 0, 1, 1])
        >>> scores = retrieval(x, x, caption=torch.arange(4), content=content, seed=0, text_query=False)
        >>> [scores[name] for name in ("r1_pair", "r1_pair_chance", "r1_class_chance", "median_rank_pair")]
        [1.0, 0.25, 0.5, 1.0]
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
