"""The best of several references against comparing one by one."""

import itertools

import pytest
import torch
from torch import Tensor

from multimodal.loss.ssim import ssim
from multimodal.metric.references import another_image, best_similarity, reference_indices

GROUP = torch.tensor([9, 2, 9, 9, 4, 2, 9, 2, 9, 9])  # of 6, 3 and 1 samples
SIZE = len(GROUP)
AT_ONCE = 100  # images: more than there are


def images() -> tuple[Tensor, Tensor]:
    """Return preds and target, both (N, 1, 12, 13) uint8."""
    return torch.randint(
        256, (2, SIZE, 1, 12, 13), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    ).unbind()


def own(preds: Tensor, target: Tensor) -> Tensor:
    return ssim(preds.float() / 255, target.float() / 255)


def slow(preds: Tensor, target: Tensor, members: dict[int, set[int]]) -> Tensor:
    """One pair of images at a time."""
    return torch.stack([max(own(preds[[i]], target[[j]])[0] for j in members[i]) for i in range(SIZE)])


def chosen(most: int, seed: int) -> dict[int, list[int]]:
    """Sample -> its references."""
    members: dict[int, list[int]] = {i: [] for i in range(SIZE)}
    for rows, others in reference_indices(GROUP, most, seed):
        for i, j in zip(rows.tolist(), others.tolist(), strict=True):
            members[i].append(j)
    return members


@pytest.mark.parametrize("most", [1, 2, 3, 4, 6, 50])
def test_references_are_of_the_group_without_repetition_and_the_own_first(most) -> None:
    for i, others in chosen(most, seed=0).items():
        group = {j for j in range(SIZE) if GROUP[j] == GROUP[i]}
        assert others[0] == i
        assert len(set(others)) == len(others) == min(most, len(group))
        assert set(others) <= group


def test_every_other_member_is_drawn_as_often() -> None:
    references = [j for seed in range(600) for j in chosen(3, seed)[0][1:]]
    assert {j: round(references.count(j) / 600, 1) for j in set(references)} == dict.fromkeys([2, 3, 6, 8, 9], 0.4)


@pytest.mark.parametrize("most", [1, 2, 3, 50])
def test_equals_comparing_one_by_one(most) -> None:
    preds, target = images()
    expected = slow(preds, target, chosen(most, seed=0))
    torch.testing.assert_close(best_similarity(preds, target, GROUP, most, 0, AT_ONCE), expected)


def test_one_reference_is_the_own_and_more_are_never_worse() -> None:
    preds, target = images()
    scores = [best_similarity(preds, target, GROUP, most, 0, AT_ONCE) for most in (1, 2, 3, 6)]
    torch.testing.assert_close(scores[0], own(preds, target))
    assert all((more >= less).all() for less, more in itertools.pairwise(scores))
    assert (scores[-1] > scores[0]).any()


def test_a_drawing_of_another_member_is_as_good_as_of_the_own() -> None:
    _, target = images()
    preds = target[[2, 7, 3, 6, 4, 1, 8, 5, 9, 0]]  # moved round within each group
    torch.testing.assert_close(best_similarity(preds, target, GROUP, 6, 0, AT_ONCE), torch.ones(SIZE))
    assert own(preds, target).mean() < 0.5


def test_which_member_has_which_image_does_not_matter_to_a_group_that_fits() -> None:
    preds, target = images()
    order = torch.tensor([2, 7, 3, 6, 4, 1, 8, 5, 9, 0])  # within each group
    whole, fits = best_similarity(preds, target, GROUP, 3, 0, AT_ONCE), GROUP != 9
    torch.testing.assert_close(best_similarity(preds, target[order], GROUP, 3, 5, AT_ONCE)[fits], whole[fits])


def test_the_seed_draws_from_larger_groups_and_leaves_the_global_state_alone() -> None:
    preds, target = images()
    before = torch.get_rng_state()
    first, again, other = (best_similarity(preds, target, GROUP, 2, seed, AT_ONCE) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("chunk", [1, 4, SIZE])
def test_the_parts_that_save_memory_change_nothing(chunk) -> None:
    preds, target = images()
    whole = best_similarity(preds, target, GROUP, 4, 0, AT_ONCE)
    torch.testing.assert_close(best_similarity(preds, target, GROUP, 4, 0, chunk), whole)


def test_none_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="0"):
        best_similarity(*images(), GROUP, 0, 0, AT_ONCE)


def test_another_image_has_the_same_caption_and_is_not_the_own_one() -> None:
    generator = torch.Generator().manual_seed(0)
    group, image = torch.randint(5, (60,), generator=generator), torch.randint(12, (60,), generator=generator)
    group, image = torch.cat([group, torch.tensor([7, 8, 8])]), torch.cat([image, torch.tensor([1, 3, 3])])
    other = another_image(group, image, seed=0)
    assert other[-3:].tolist() == [-1, -1, -1]  # alone, or with the own image again
    assert (other[:-3] >= 0).all()
    assert torch.equal(group[other[:-3]], group[:-3])
    assert (image[other[:-3]] != image[:-3]).all()
    assert not torch.equal(other, another_image(group, image, seed=1))
