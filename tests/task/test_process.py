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


AN = "Apple elephant hour heir honest honour uninvited unidentified unimportant ugly umbrella usher X-ray F onerous"
A = "seven zero one once unicorn unit unimodal use user euro ewe utopia house University polar_bear B U UFO unanimous"
AN_NUMBERS = "8 11 18 80 88 811 8000 8,000 11000 18,000 8th 11th 80s"
A_NUMBERS = "1 7 10 12 17 19 110 118 180 1100 1800 108 110000"


@pytest.mark.parametrize(("article", "names"), [("an", AN), ("a", A), ("an", AN_NUMBERS), ("a", A_NUMBERS)])
def test_the_article_fits_words_letters_and_numbers(article, names):
    assert {name: with_article(name) for name in names.split()} == {name: f"{article} {name}" for name in names.split()}


def test_the_names_of_the_embedded_classes_keep_the_articles_that_models_were_trained_with():
    digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    assert [with_article(name) for name in (*digits, "cat", "dog")] == [
        f"{'an' if name == 'eight' else 'a'} {name}" for name in (*digits, "cat", "dog")
    ]


def test_shares_and_chance():
    assert class_shares(torch.tensor([0, 2, 2, 2]), 4).tolist() == [0.25, 0, 0.75, 0]
    # class 1 is the most frequent one in train; a quarter of the test samples is
    assert chance_level(torch.tensor([1, 1, 0]), torch.tensor([0, 0, 0, 1])) == 0.25
