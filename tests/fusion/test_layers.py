"""The parts that fusions share."""

import torch

from multimodal.fusion.layers import mean_of_present


def test_the_mean_leaves_out_who_is_absent_and_is_0_where_all_are() -> None:
    x = torch.randn(3, 2, 4)
    present = torch.tensor([[True, True], [False, True], [False, False]])
    expected = torch.stack([x[0].mean(0), x[1, 1], torch.zeros(4)])
    torch.testing.assert_close(mean_of_present(x, present), expected)
