"""Geometry of the embeddings: distances between the two modalities, and separation of the classes.

Modality gap: Liang et al. 2022, Mind the Gap, https://arxiv.org/abs/2203.02053. Alignment and uniformity: Wang
and Isola 2020, https://arxiv.org/abs/2005.10242, with their exponents alpha = 2 and t = 2. V-measure: Rosenberg and
Hirschberg 2007, https://aclanthology.org/D07-1043. All embeddings are normalised to length 1.
"""

import warnings

import numpy as np
import torch
from scipy.stats import mode
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import v_measure_score
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits
from torch import Tensor

STARTS = 10  # initialisations of k-means; the best result counts


def latent(
    image: Tensor, text: Tensor, joint: Tensor, label: Tensor, seed: int, max_samples: int, num_neighbors: int
) -> dict[str, float | str]:
    """Compute the geometry metrics of paired image and caption embeddings and of the joint embedding.

    Args:
        image: (N, D) embeddings of the images.
        text: (N, D) embeddings of the captions, in the same order.
        joint: (N, D) joint embeddings z, in the same order.
        label: (N,) int64, the class that the joint embedding should separate.
        seed: seed of the choice of samples and of k-means.
        max_samples: largest number of samples to use, because the number of pairs grows with its square.
        num_neighbors: neighbours that vote for a sample's class; fewer if the smallest class has fewer others, which
            could never outvote the rest.

    Returns:
        `modality_gap`, `true_pair_cosine`, `alignment`, `uniformity` (mean of the two modalities), `knn_accuracy`,
        `knn_neighbors` (how many voted) and `v_measure`. The last four need a second sample: without it, their value is
        the reason in words.

    Example:
        >>> x, label = torch.eye(2).repeat(3, 1), torch.tensor([0, 1] * 3)
        >>> scores = latent(x, x, x, label, seed=0, max_samples=100, num_neighbors=1)
        >>> [round(scores[name], 3) for name in ("modality_gap", "true_pair_cosine", "knn_accuracy", "v_measure")]
        [0.0, 1.0, 1.0, 1.0]
    """
    # always shuffled: neighbours at equal distance would else come in the order of the data, which may be by class
    rows = torch.randperm(len(label), generator=torch.Generator().manual_seed(seed))[:max_samples]
    x, y, z = (torch.nn.functional.normalize(e.detach().cpu()[rows].double(), dim=-1) for e in (image, text, joint))
    scores: dict[str, float | str] = {
        "modality_gap": float((x.mean(0) - y.mean(0)).norm()),
        "true_pair_cosine": float((x * y).sum(1).clamp(-1, 1).mean()),  # Cauchy-Schwarz; rounding may exceed it
        "alignment": float((x - y).square().sum(1).mean()),
    }
    if len(rows) < 2:
        return scores | dict.fromkeys(
            ("uniformity", "knn_accuracy", "knn_neighbors", "v_measure"), "one sample has no other"
        )
    classes = label.cpu()[rows].unique(return_inverse=True)[1].numpy()
    neighbors = max(1, min(num_neighbors, int(np.bincount(classes).min()) - 1))
    return scores | {
        "uniformity": (uniformity(x) + uniformity(y)) / 2,
        "knn_accuracy": knn_accuracy(z.numpy(), classes, neighbors),
        "knn_neighbors": float(neighbors),
        "v_measure": v_measure(z.numpy(), classes, seed),
    }


def uniformity(x: Tensor) -> float:
    """Compute the logarithm of the mean Gaussian potential, exp(-2 distance^2), over all pairs of samples.

    Args:
        x: (n, D) embeddings of length 1.

    Returns:
        0 if all embeddings are equal, else below 0: the lower, the more uniform.

    Example:
        >>> round(uniformity(torch.eye(2)), 4)  # one pair with squared distance 2
        -4.0
    """
    return float(torch.pdist(x).square().mul(-2).exp().mean().log())


def knn_accuracy(z: np.ndarray, label: np.ndarray, num_neighbors: int) -> float:
    """Compute the share of samples classified correctly by a vote of their nearest other samples by cosine.

    Args:
        z: (n, D) embeddings.
        label: (n,) classes; if several classes have equally many votes, the smallest wins.
        num_neighbors: voters for each sample.

    Returns:
        Share in [0, 1].

    Example:
        >>> z = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> knn_accuracy(z, np.array([0, 0, 1, 1]), num_neighbors=1)
        1.0
    """
    search = NearestNeighbors(n_neighbors=min(num_neighbors, len(z) - 1), metric="cosine").fit(z)
    neighbors = search.kneighbors(return_distance=False)  # (n, k)
    return float((mode(label[neighbors], axis=1).mode == label).mean())


def v_measure(z: np.ndarray, label: np.ndarray, seed: int) -> float:
    """Compute the V-measure between the classes and the clusters of k-means, with k the number of classes.

    Args:
        z: (n, D) embeddings.
        label: (n,) classes, numbered from 0.
        seed: seed of k-means.

    Returns:
        Harmonic mean of homogeneity and completeness, in [0, 1].

    Example:
        >>> z = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> round(v_measure(z, np.array([0, 0, 1, 1]), seed=0), 3)
        1.0
    """
    means = KMeans(n_clusters=int(label.max()) + 1, n_init=STARTS, random_state=seed)
    with warnings.catch_warnings(), threadpool_limits(1):  # sums depend on the number of threads
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different points than clusters: a collapse
        return float(v_measure_score(label, means.fit_predict(z)))
