"""The geometry of the embeddings: how the two modalities lie to each other, and whether classes are apart.

Modality gap: Liang et al. 2022, Mind the Gap, https://arxiv.org/abs/2203.02053. Alignment and uniformity: Wang
and Isola 2020, https://arxiv.org/abs/2005.10242, their exponents alpha = 2 and t = 2. V-measure: Rosenberg and
Hirschberg 2007, https://aclanthology.org/D07-1043. All on embeddings of length 1.
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

STARTS = 10  # of k-means, the best of which is kept


def latent(
    image: Tensor, text: Tensor, joint: Tensor, label: Tensor, seed: int, max_samples: int, num_neighbors: int
) -> dict[str, float | str]:
    """Compute all scores; one that needs a second sample is the reason in words where there is none.

    Args:
        image, text, joint: (N, D) embeddings, row i of each of sample i.
        label: (N,) int64, the answer that the joint space is for.
        seed: draws the samples, and starts k-means.
        max_samples: how many are drawn at most: the pairs grow with the square.
        num_neighbors: whose classes vote on a sample's.
    """
    # shuffled in any case: neighbours at equal distance would come in the order of the data, and so of its classes
    rows = torch.randperm(len(label), generator=torch.Generator().manual_seed(seed))[:max_samples]
    x, y, z = (torch.nn.functional.normalize(e.detach().cpu()[rows].double(), dim=-1) for e in (image, text, joint))
    scores = {
        "modality_gap": float((x.mean(0) - y.mean(0)).norm()),
        "true_pair_cosine": float((x * y).sum(1).mean()),
        "alignment": float((x - y).square().sum(1).mean()),
    }
    if len(rows) < 2:
        return scores | dict.fromkeys(("uniformity", "knn_accuracy", "v_measure"), "one sample has no other")
    classes = label.cpu()[rows].unique(return_inverse=True)[1].numpy()
    return scores | {
        "uniformity": (uniformity(x) + uniformity(y)) / 2,
        "knn_accuracy": knn_accuracy(z.numpy(), classes, num_neighbors),
        "v_measure": v_measure(z.numpy(), classes, seed),
    }


def uniformity(x: Tensor) -> float:
    """Compute the log of the mean Gaussian potential of two samples: (n, D) -> 0 where all are equal, else less."""
    return float(torch.pdist(x).square().mul(-2).exp().mean().log())


def knn_accuracy(z: np.ndarray, label: np.ndarray, num_neighbors: int) -> float:
    """Compute the share of samples whose nearest others by cosine vote for their class; a tie is the first class's."""
    search = NearestNeighbors(n_neighbors=min(num_neighbors, len(z) - 1), metric="cosine").fit(z)
    neighbors = search.kneighbors(return_distance=False)  # (n, k)
    return float((mode(label[neighbors], axis=1).mode == label).mean())


def v_measure(z: np.ndarray, label: np.ndarray, seed: int) -> float:
    """Compute the V-measure of as many k-means clusters as there are classes."""
    means = KMeans(n_clusters=int(label.max()) + 1, n_init=STARTS, random_state=seed)
    with warnings.catch_warnings(), threadpool_limits(1):  # sums depend on the number of threads
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different points than clusters: a collapse
        return float(v_measure_score(label, means.fit_predict(z)))
