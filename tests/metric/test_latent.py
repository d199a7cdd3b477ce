"""Geometry of the embeddings against loops over samples, its marks, and collapsed embeddings."""

import math
import statistics
from functools import partial

import pytest
import torch
from sklearn.metrics import v_measure_score
from torch import Tensor

from multimodal.metric.latent import latent as scores_of

latent = partial(scores_of, max_samples=2000, num_neighbors=10)
KEYS = {"modality_gap", "true_pair_cosine", "alignment", "uniformity", "knn_accuracy", "knn_neighbors", "v_measure"}


def embeddings(size: int = 40, dim: int = 5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Image, text, joint of any length and off centre, and four classes that the joint tells badly."""
    generator = torch.Generator().manual_seed(0)
    content = torch.randint(4, (size,), generator=generator) * 3 + 2
    x, noise, y = torch.randn(3, size, dim, generator=generator)
    return 3 * x + 1, x + noise - 1, y + 1.5 * torch.nn.functional.one_hot(content % 4, dim), content


def slow(image: Tensor, text: Tensor, joint: Tensor, content: Tensor) -> dict[str, float]:
    """One sample, one pair at a time."""
    x, y, z = ([row / row.norm() for row in e.double()] for e in (image, text, joint))
    n = len(content)
    potential = [
        statistics.fmean(math.exp(-2 * float((a[i] - a[j]).norm()) ** 2) for i in range(n) for j in range(n) if i != j)
        for a in (x, y)
    ]
    k = min(10, min(content.tolist().count(c) for c in set(content.tolist())) - 1)
    right = 0
    for i in range(n):
        near = sorted((j for j in range(n) if j != i), key=lambda j: -float(torch.dot(z[i], z[j])))[:k]
        votes = [int(content[j]) for j in near]
        right += max(sorted(set(votes)), key=votes.count) == int(content[i])
    return {
        "modality_gap": float((sum(x) / n - sum(y) / n).norm()),
        "true_pair_cosine": statistics.fmean(float(torch.dot(a, b)) for a, b in zip(x, y, strict=True)),
        "alignment": statistics.fmean(float((a - b).norm()) ** 2 for a, b in zip(x, y, strict=True)),
        "uniformity": statistics.fmean(math.log(p) for p in potential),
        "knn_accuracy": right / n,
        "knn_neighbors": k,
    }


def test_equals_loops_over_the_samples() -> None:
    scores, expected = latent(*embeddings(), seed=0), slow(*embeddings())
    assert scores.keys() == KEYS
    assert 0.3 < expected["knn_accuracy"] < 0.9
    assert {name: scores[name] for name in expected} == pytest.approx(expected)


def test_equal_modalities_have_no_gap_and_opposed_ones_the_largest() -> None:
    image, _, joint, content = embeddings()
    same, opposed = latent(image, 2 * image, joint, content, seed=0), latent(image, -image, joint, content, seed=0)
    assert [same[n] for n in ("modality_gap", "true_pair_cosine", "alignment")] == pytest.approx([0, 1, 0], abs=1e-6)
    assert [opposed[n] for n in ("true_pair_cosine", "alignment")] == pytest.approx([-1, 4])
    constant = torch.ones(40, 5)
    assert latent(constant, -constant, joint, content, seed=0)["modality_gap"] == pytest.approx(2)


def test_length_and_a_common_rotation_do_not_matter() -> None:
    *parts, content = embeddings()
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1))).Q
    length = torch.linspace(0.1, 10, 40)[:, None]
    assert latent(*[e * length @ turn for e in parts], content, seed=0) == pytest.approx(
        latent(*parts, content, seed=0), abs=1e-5
    )


def test_classes_apart_are_found_and_a_joint_without_them_scores_chance() -> None:
    image, text, _, _ = embeddings(300)
    content = torch.arange(300) % 3
    apart = torch.nn.functional.one_hot(content, 5) + 0.1 * image / image.norm(dim=1, keepdim=True)
    separated, blind = (latent(image, text, joint, content, seed=0) for joint in (apart, image))
    assert (separated["knn_accuracy"], separated["v_measure"]) == pytest.approx((1, 1))
    assert blind["knn_accuracy"] == pytest.approx(1 / 3, abs=0.1)
    assert blind["v_measure"] < 0.1


def test_a_sample_is_no_neighbour_of_its_own() -> None:
    """Pairs of twins of different classes, far from all else: a sample that voted for itself would be right."""
    image, text, _, _ = embeddings(4)
    joint = torch.eye(2).repeat_interleave(2, dim=0)
    scores = latent(image, text, joint, torch.tensor([0, 1, 0, 1]), seed=0, num_neighbors=1)
    assert scores["knn_accuracy"] == 0


def test_clusters_are_as_many_as_classes() -> None:
    """Two classes of two clumps each: two clusters cannot hold four clumps apart, and need not."""
    clump = torch.arange(40) % 4
    joint = torch.nn.functional.one_hot(clump).float() @ torch.tensor(
        [[1.0, 0, 0], [1, 0.1, 0], [0, 0, 1], [0, 0.1, 1]]
    )
    image, text, _, _ = embeddings(40)
    assert latent(image, text, joint, clump // 2, seed=0)["v_measure"] == pytest.approx(1)
    assert latent(image, text, joint, clump, seed=0)["v_measure"] == pytest.approx(1)
    crossed = v_measure_score((clump % 2).tolist(), (clump // 2).tolist())
    assert latent(image, text, joint, clump % 2, seed=0)["v_measure"] == pytest.approx(crossed, abs=1e-9)


def test_a_constant_joint_tells_no_class_though_the_data_are_sorted_by_it() -> None:
    image, text, _, _ = embeddings(400)
    scores = latent(image, text, torch.ones(400, 5), torch.arange(400) // 100, seed=0)
    assert scores["knn_accuracy"] < 0.4
    assert scores["v_measure"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 11])
@pytest.mark.parametrize("value", [0.0, 1.0, None], ids=["zero", "constant", "random"])
@pytest.mark.parametrize("classes", [1, 5])
def test_degenerate_embeddings_have_finite_scores(size, value, classes) -> None:
    parts = embeddings(size)[:3]
    parts = parts if value is None else [torch.full_like(e, value) for e in parts]
    scores = latent(*parts, torch.arange(size) % classes, seed=0)
    assert scores.keys() == KEYS
    undefined = {name for name, score in scores.items() if score == "one sample has no other"}
    assert undefined == (set() if size > 1 else {"uniformity", "knn_accuracy", "knn_neighbors", "v_measure"})
    assert all(isinstance(scores[name], float) and math.isfinite(scores[name]) for name in KEYS - undefined)


def test_the_samples_follow_the_seed_and_leave_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (latent(*embeddings(), seed=seed, max_samples=20) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert first == again
    assert all(first[name] != other[name] for name in KEYS - {"knn_accuracy", "knn_neighbors"})


def test_the_others_of_a_small_class_can_outvote_the_rest() -> None:
    """Three of one class among many of another, well apart: of ten neighbours, eight were of the other class."""
    joint = torch.cat([torch.randn(30, 5) * 0.01 + 1, torch.randn(3, 5) * 0.01 - 1])
    content = torch.tensor([0] * 30 + [1] * 3)
    scores = latent(joint, joint, joint, content, seed=0)
    assert (scores["knn_neighbors"], scores["knn_accuracy"]) == (2, 1)
    assert latent(joint, joint, joint, content, seed=0, num_neighbors=1)["knn_neighbors"] == 1


def test_equal_modalities_have_a_cosine_of_one_at_most() -> None:
    x = torch.randn(200, 7, generator=torch.Generator().manual_seed(0))
    assert latent(x, x, x, torch.arange(200) % 2, seed=0)["true_pair_cosine"] <= 1
