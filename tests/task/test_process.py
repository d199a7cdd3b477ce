import pytest
import torch

from multimodal.task.process import chance_level, class_shares, split_generators, with_article


def test_every_split_of_every_seed_draws_its_own_numbers():
    def drawn() -> list[list[int]]:
        generators = [g for seed in (0, 1) for g in split_generators(seed, {"train": 0, "test": 0, "a": 0}).values()]
        return [torch.randint(1000, (8,), generator=generator).tolist() for generator in generators]

    first = drawn()
    assert first == drawn()
    assert len({tuple(row) for row in first}) == 6


@pytest.mark.parametrize(
    ("name", "text"), [("seven", "a seven"), ("Apple", "an Apple"), ("8", "an 8"), ("one", "a one")]
)
def test_the_article_fits(name, text):
    assert with_article(name) == text


def test_shares_and_chance():
    assert class_shares(torch.tensor([0, 2, 2, 2]), 4).tolist() == [0.25, 0, 0.75, 0]
    # class 1 is the most frequent one in train; a quarter of the test samples is
    assert chance_level(torch.tensor([1, 1, 0]), torch.tensor([0, 0, 0, 1])) == 0.25
