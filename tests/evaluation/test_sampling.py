import torch

from multimodal.evaluation.sampling import sample_evenly, sample_per_class, sample_rows


def test_a_class_gets_what_it_has_and_no_more_than_asked() -> None:
    label = torch.tensor([0, 0, 0, 2, 0, 2])
    drawn = sample_per_class(label, 3, seed=0)
    assert list(drawn) == [0, 2]
    assert len(drawn[0]) == 3
    assert sorted(drawn[2]) == [3, 5]
    assert all(label[row] == k for k, rows in drawn.items() for row in rows)


def test_the_seed_decides() -> None:
    label = torch.zeros(100, dtype=torch.int64)
    assert sample_per_class(label, 5, seed=1) == sample_per_class(label, 5, seed=1)
    assert sample_per_class(label, 5, seed=1) != sample_per_class(label, 5, seed=2)


def test_some_are_distinct_and_at_most_all() -> None:
    assert sample_rows(4, 10, seed=0).tolist() == [0, 1, 2, 3]
    assert len(sample_rows(100, 10, seed=0).unique()) == 10


def test_the_classes_take_turns_and_many_are_drawn_from_evenly() -> None:
    label = torch.arange(100).repeat(3)
    assert label[sample_evenly(label, 4, seed=0)].tolist() == [0, 25, 50, 75]
    assert label[sample_evenly(label, 100, seed=0)].tolist() == list(range(100))
    few = torch.tensor([0, 0, 0, 0, 1, 2, 2])
    drawn = sample_evenly(few, 5, seed=0)
    assert few[drawn].tolist() == [0, 0, 1, 2, 2]
    assert len(set(drawn)) == 5
    assert len(sample_evenly(few, 50, seed=0)) == 7
