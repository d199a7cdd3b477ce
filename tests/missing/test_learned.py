"""The learned stand-in."""

import torch

from multimodal.missing.learned import Learned
from multimodal.types import Encoded


def test_stands_in_where_absent_and_nowhere_else() -> None:
    torch.manual_seed(0)
    missing = Learned(8, ["image", "text"])
    present = torch.tensor([True, False, True])
    valid = torch.tensor([[True, True, False]] * 3)
    e = Encoded(torch.randn(3, 8), torch.randn(3, 3, 8), valid, present)
    filled = missing({"image": e})["image"]
    assert torch.equal(filled.pooled[present], e.pooled[present])
    assert torch.equal(filled.tokens[present], e.tokens[present])
    assert torch.equal(filled.pooled[1], missing.pooled["image"])
    assert torch.equal(filled.tokens[1, 0], missing.token["image"])
    assert filled.token_mask.tolist() == [[True, True, False], [True, False, False], [True, True, False]]


def test_the_stand_in_is_trained_by_absent_samples_only() -> None:
    missing = Learned(8, ["image"])
    for present, trained in ((True, False), (False, True)):
        missing.zero_grad()
        e = Encoded(torch.randn(1, 8), torch.randn(1, 2, 8), torch.ones(1, 2).bool(), torch.tensor([present]))
        missing({"image": e})["image"].pooled.sum().backward()
        assert bool(missing.pooled["image"].grad.any()) is trained
