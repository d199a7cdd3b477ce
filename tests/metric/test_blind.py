"""Blind baselines against counting."""

from collections import Counter

import torch

from multimodal.images import PART
from multimodal.metric.blind import blind_captions, class_captions, class_images, mean_image, most_frequent

TRAIN = torch.tensor([[2, 7, 3], [2, 5, 3], [2, 5, 3], [2, 6, 3], [2, 6, 3], [2, 6, 3], [2, 8, 3], [2, 7, 3]])
TRAIN = TRAIN.to(torch.int32)
CONTENT = torch.tensor([0, 0, 0, 3, 3, 0, 3, 3])  # classes 1 and 2 have no training sample


def test_the_commonest_row_and_of_equals_the_smallest() -> None:
    assert most_frequent(TRAIN).tolist() == [2, 6, 3]
    assert most_frequent(TRAIN[[0, 1, 6]]).tolist() == [2, 5, 3]
    assert torch.equal(most_frequent(TRAIN), most_frequent(TRAIN.flip(0)))


def test_the_frequent_caption_is_said_of_every_sample() -> None:
    written = blind_captions(TRAIN, 5, seed=0)["frequent_caption"]
    assert written.tolist() == [[2, 6, 3]] * 5
    assert written.dtype == torch.int64


def test_random_captions_are_drawn_as_often_as_the_training_says_them() -> None:
    written = blind_captions(TRAIN, 4000, seed=0)["random_caption"]
    assert written.dtype == torch.int64
    sampled, expected = (Counter(map(tuple, rows.tolist())) for rows in (written, TRAIN))
    assert sampled.keys() == expected.keys()
    assert all(abs(sampled[row] / 4000 - expected[row] / len(TRAIN)) < 0.03 for row in expected)


def test_random_captions_follow_the_seed_and_leave_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (blind_captions(TRAIN, 50, seed)["random_caption"] for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_caption_of_a_class_is_its_commonest() -> None:
    assert class_captions(TRAIN, CONTENT, torch.tensor([3, 0, 3])).tolist() == [
        [2, 6, 3],
        [2, 5, 3],
        [2, 6, 3],
    ]


def test_the_image_of_a_class_is_its_mean() -> None:
    train = torch.randint(256, (8, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    table, number = class_images(train, CONTENT, torch.tensor([3, 0, 3]))
    assert len(table) == 2
    for image, c in zip(table[number], (3, 0, 3), strict=True):
        of_class = [train[i].double() for i in range(8) if CONTENT[i] == c]
        assert torch.equal(image, (sum(of_class) / len(of_class)).round().byte())


def test_a_mean_is_that_of_all_parts() -> None:
    """More images than are read at a time, of which only some count."""
    image = torch.randint(256, (70, 3, 160, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert image.numel() > PART
    assert torch.equal(mean_image(image, torch.arange(69, 1, -1)), image[2:].double().mean(0).round().byte())


def test_a_class_without_a_training_sample_gets_the_baseline_of_all() -> None:
    unseen = torch.tensor([1, 7])
    assert class_captions(TRAIN, CONTENT, unseen).tolist() == [[2, 6, 3]] * 2
    train = torch.randint(256, (8, 1, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    table, number = class_images(train, CONTENT, unseen)
    assert torch.equal(table[number], train.float().mean(0).round().byte().expand(2, -1, -1, -1))
