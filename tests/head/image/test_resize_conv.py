"""The head that enlarges and convolves."""

import pytest
import torch

from multimodal.head.image.resize_conv import ResizeConv


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 64), (3, 20)])
def test_it_draws_every_size_in_range(channels: int, size: int) -> None:
    image = ResizeConv(16, channels, size, 8)(torch.randn(2, 16))
    assert image.shape == (2, channels, size, size)
    assert 0 <= image.min() <= image.max() <= 1


def test_inside_an_even_map_a_doubling_draws_no_pattern() -> None:
    even = torch.ones(1, 8, 6, 6)
    for layer in ResizeConv(16, 1, 28, 8).doubling(8, 8):
        even = layer(even)
    inside = even[:, :, 2:-2, 2:-2]
    torch.testing.assert_close(inside, inside[:, :, :1, :1].expand_as(inside))
