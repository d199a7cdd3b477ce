"""Augmentation: drawn per image, within its limits, the same for the same seed."""

import math

import pytest
import torch

from multimodal.dataset.preparing.augment import Augment


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moved(augment: Augment, image: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return augment(image, augment.draw(len(image), seeded(seed)))


def blob(at: tuple[float, float], size: int = 33) -> torch.Tensor:
    """A soft dot (1, size, size) at a place in pixels, counted from the centre: down, right."""
    axis = torch.arange(size) - size // 2
    down, right = torch.meshgrid(axis, axis, indexing="ij")
    return torch.exp(-((down - at[0]) ** 2 + (right - at[1]) ** 2) / 8)[None]


def centre(image: torch.Tensor) -> tuple[float, float]:
    """Centre of mass of (1, H, W), from the middle."""
    axis = torch.arange(image.shape[-1]) - image.shape[-1] // 2
    mass = image.sum()
    return float((image.sum((0, 2)) * axis).sum() / mass), float((image.sum((0, 1)) * axis).sum() / mass)


def test_nothing_asked_for_changes_nothing() -> None:
    image = torch.rand(4, 3, 16, 16)
    assert torch.equal(moved(Augment(0, 0, 0, False), image), image)


def test_the_same_seed_draws_the_same_and_each_image_its_own() -> None:
    image = torch.rand(1, 1, 28, 28).expand(6, -1, -1, -1)
    augment = Augment(0.05, 8, 0.1, True)
    assert torch.equal(moved(augment, image), moved(augment, image))
    assert not torch.equal(moved(augment, image), moved(augment, image, 1))
    found = moved(augment, image)
    assert all(not torch.equal(found[0], other) for other in found[1:])
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("size", [33, 65])
def test_a_shift_stays_within_its_share_of_any_size_and_reaches_both_ways(size) -> None:
    image = blob((0, 0), size).expand(200, 1, -1, -1)
    places = torch.tensor([centre(one) for one in moved(Augment(0.06, 0, 0, False), image)]) / size
    assert places.abs().max() < 0.0615
    assert places.min(0).values.max() < -0.045
    assert places.max(0).values.min() > 0.045


def test_a_rotation_and_a_scale_move_a_point_on_its_circle() -> None:
    image = blob((0, 8)).expand(200, 1, -1, -1)
    places = torch.tensor([centre(one) for one in moved(Augment(0, 10, 0, False), image)])
    angles = torch.atan2(places[:, 0], places[:, 1]).rad2deg()
    torch.testing.assert_close(places.norm(dim=1), torch.full((200,), 8.0), atol=0.1, rtol=0)
    assert angles.abs().max() < 10.3
    assert angles.min() < -8
    assert angles.max() > 8
    places = torch.tensor([centre(one) for one in moved(Augment(0, 0, 0.2, False), image)])
    assert places[:, 0].abs().max() < 0.05
    assert 8 / 1.2 - 0.3 < places[:, 1].min() < 7.3
    assert 8.8 < places[:, 1].max() < 8 / 0.8 + 0.3


def test_half_of_the_images_are_mirrored() -> None:
    image = blob((0, 5)).expand(200, 1, -1, -1)
    mirrored = [centre(one)[1] < 0 for one in moved(Augment(0, 0, 0, True), image)]
    assert 70 < sum(mirrored) < 130


@pytest.mark.parametrize("bad", [(-0.1, 0, 0), (3, 0, 0), (0, -1, 0), (0, 0, -0.1), (0, 0, 1), (math.nan, 0, 2)])
def test_a_setting_out_of_range_is_refused(bad) -> None:
    with pytest.raises(ValueError, match=r"dataset\.augment\.\w+ must be a number, 0 or more"):
        Augment(*bad, False)
