"""Swapped pairs against loops, and models that add, multiply, or read one modality only."""

import itertools

import pytest
import torch
from torch import Tensor

from multimodal.metric.interaction import LEAST_GAIN, emap_error, emap_gap, shapley_image, shuffled

SIZE, CLASSES = 16, 3


def random_parts() -> tuple[Tensor, Tensor, Tensor]:
    """f(image) and g(caption) (n, K), label (n,)."""
    generator = torch.Generator().manual_seed(0)
    f, g = torch.randn(2, SIZE, CLASSES, generator=generator)
    return f, g, torch.randint(CLASSES, (SIZE,), generator=generator)


def random_grid() -> Tensor:
    return torch.randn(SIZE, SIZE, CLASSES, generator=torch.Generator().manual_seed(1))


def share(right: list[bool]) -> float:
    return sum(right) / len(right)


def slow_gap(grid: Tensor, label: Tensor) -> float:
    own, additive = [], []
    everything = sum(grid[i, j] for i in range(SIZE) for j in range(SIZE)) / SIZE**2
    for i in range(SIZE):
        of_image = sum(grid[i, j] for j in range(SIZE)) / SIZE
        of_caption = sum(grid[j, i] for j in range(SIZE)) / SIZE
        own.append(bool(grid[i, i].argmax() == label[i]))
        additive.append(bool((of_image + of_caption - everything).argmax() == label[i]))
    return share(own) - share(additive)


def xor() -> tuple[Tensor, Tensor]:
    """A model that answers the parity of two fair bits, one in the image and one in the caption."""
    bits = torch.tensor(list(itertools.product([0, 1], repeat=2)) * (SIZE // 4))
    label = bits.sum(1) % 2
    return torch.nn.functional.one_hot((bits[:, None, 0] + bits[None, :, 1]) % 2, 2).float(), label


def test_gap_equals_the_formula() -> None:
    *_, label = random_parts()
    expected = [slow_gap(random_grid() * scale, label) for scale in (1, -1)]
    assert len({*expected, 0}) == 3
    assert [emap_gap(random_grid() * scale, label) for scale in (1, -1)] == pytest.approx(expected)


def test_an_additive_model_has_no_gap() -> None:
    f, g, label = random_parts()
    assert emap_gap(f[:, None] + g[None], label) == 0
    assert emap_error(f[:, None] + g[None], label) == 0


def test_the_error_is_the_spread_of_the_gap_over_draws_of_samples() -> None:
    """A model that answers as the two sides together say, with noise, in a population of 400 samples."""
    generator = torch.Generator().manual_seed(0)
    image, caption = torch.randint(2, (2, 400), generator=generator)
    label = image ^ caption
    sure = torch.nn.functional.one_hot(image[:, None] ^ caption, 2)
    grid = sure + 0.7 * torch.randn(400, 400, 2, generator=generator)
    draws = [torch.randperm(400, generator=generator)[:30] for _ in range(300)]
    gaps = torch.tensor([emap_gap(grid[rows][:, rows], label[rows]) for rows in draws])
    errors = [emap_error(grid[rows][:, rows], label[rows]) for rows in draws]
    assert sum(errors) / 300 == pytest.approx(float(gaps.std()), rel=0.2)


def test_a_term_of_each_side_alone_changes_no_additive_part_of_another() -> None:
    """The projection is linear: what is added to the grid is added to it, so a sure additive answer rules."""
    f, g, label = random_parts()
    sure = 1000 * torch.nn.functional.one_hot(label, CLASSES)
    assert emap_gap(random_grid() + f[:, None] + g[None] + sure[:, None], label) == 0


def test_exclusive_or_is_all_gap() -> None:
    """Right with both; its projection is constant, so it answers one class for all."""
    grid, label = xor()
    assert emap_gap(grid, label) == pytest.approx(1 - 0.5)


def test_shuffles_equal_the_loops() -> None:
    *_, label = random_parts()
    grid = random_grid()
    pairs = [(i, j) for i in range(SIZE) for j in range(SIZE) if i != j]
    assert shuffled(grid, label) == pytest.approx(
        {
            "shuffle_text": share([bool(grid[i, j].argmax() == label[i]) for i, j in pairs]),
            "shuffle_image": share([bool(grid[i, j].argmax() == label[j]) for i, j in pairs]),
        }
    )


def test_who_reads_the_image_only_does_not_mind_other_captions() -> None:
    *_, label = random_parts()
    grid = torch.nn.functional.one_hot(label, CLASSES).float()[:, None].expand(-1, SIZE, -1)
    of_class = torch.bincount(label).double()
    by_chance = float((of_class * (of_class - 1)).sum() / (SIZE * (SIZE - 1)))  # the other image is of the class
    assert shuffled(grid, label) == pytest.approx({"shuffle_text": 1, "shuffle_image": by_chance})
    swapped = shuffled(grid.transpose(0, 1), label)
    assert swapped == pytest.approx({"shuffle_image": 1, "shuffle_text": by_chance})


def test_true_pairs_are_left_out() -> None:
    """Right for true pairs alone."""
    *_, label = random_parts()
    wrong = torch.nn.functional.one_hot((label + 1) % CLASSES, CLASSES).float()
    grid = wrong[:, None].repeat(1, SIZE, 1)
    grid[range(SIZE), range(SIZE)] = torch.nn.functional.one_hot(label, CLASSES).float()
    assert shuffled(grid, label)["shuffle_text"] == 0


def test_one_sample_cannot_be_shuffled() -> None:
    with pytest.raises(ValueError, match="1"):
        shuffled(torch.zeros(1, 1, 3), torch.tensor([0]))


@pytest.mark.parametrize(
    ("both", "image", "text", "share_of_image"),
    [
        (0.9, 0.9, 0.1, 1.0),  # the image is all
        (0.9, 0.1, 0.9, 0.0),
        (0.9, 0.6, 0.6, 0.5),  # equal sides share equally, redundant or not
        (0.9, 0.1, 0.1, 0.5),
        (0.9, 0.7, 0.3, 0.75),  # additive: 0.6 and 0.2
        (0.6, 0.7, 0.2, 1.0),  # the caption adds 0.1 alone and takes 0.1 away beside the image
    ],
)
def test_shapley_share(both, image, text, share_of_image) -> None:
    assert shapley_image(both, image, text, chance=0.1) == pytest.approx(share_of_image)
    assert shapley_image(both, text, image, chance=0.1) == pytest.approx(1 - share_of_image)  # they sum to one


def test_shapley_is_the_mean_over_both_orders_of_arrival() -> None:
    accuracy = {(): 0.2, ("image",): 0.5, ("text",): 0.4, ("image", "text"): 0.85}
    gains = {"image": 0.0, "text": 0.0}
    for order in itertools.permutations(gains):
        for i, modality in enumerate(order):
            gains[modality] += (accuracy[tuple(sorted(order[: i + 1]))] - accuracy[tuple(sorted(order[:i]))]) / 2
    assert shapley_image(0.85, 0.5, 0.4, 0.2) == pytest.approx(gains["image"] / sum(gains.values()))


@pytest.mark.parametrize("both", [0.5, 0.53, 0.3])
def test_no_share_without_a_gain(both) -> None:
    assert shapley_image(both, 0.9, 0.2, chance=0.5) is None
    assert shapley_image(LEAST_GAIN, LEAST_GAIN, 0.0, chance=0.0) == 1
