"""Images put together from others are read as if they were one tensor."""

import torch

from multimodal.evaluation.image_rows import Joined, Repeated

IMAGE = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1).expand(-1, 1, 2, 3)


def test_parts_that_are_joined_are_read_as_one() -> None:
    parts, rows = IMAGE.split(2), torch.tensor([4, 0, 3, 3, 1])
    joined = Joined(parts)
    assert joined.shape == IMAGE.shape
    assert len(joined) == 5
    assert torch.equal(joined[rows], IMAGE[rows])
    assert joined[rows[:0]].shape == (0, 1, 2, 3)


def test_an_image_may_stand_in_several_rows() -> None:
    number = torch.tensor([2, 2, 0])
    repeated = Repeated(IMAGE, number)
    assert repeated.shape == (3, 1, 2, 3)
    assert torch.equal(repeated[torch.tensor([2, 0, 1])], IMAGE[[0, 2, 2]])
