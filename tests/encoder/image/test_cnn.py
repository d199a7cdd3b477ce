"""The convolutional encoder."""

import pytest
import torch

from multimodal.encoder.image.cnn import CNN


@pytest.mark.parametrize(
    ("size", "stride", "tokens"),
    [(28, 1, 49), (64, 1, 256), (30, 1, 64), (28, 2, 16), (64, 4, 16), (30, 4, 4), (18, 4, 4)],
)
def test_the_last_feature_map_is_the_tokens(size: int, stride: int, tokens: int) -> None:
    encoded = CNN(16, 3, size, stride, [8, 8, 8])(torch.rand(2, 3, size, size), torch.ones(2, dtype=torch.bool))
    assert encoded.tokens.shape == (2, tokens, 16)
    assert encoded.pooled.shape == (2, 16)
    assert encoded.token_mask.all()


def test_a_sample_is_encoded_alike_in_any_company_also_in_training() -> None:
    torch.manual_seed(0)
    encoder, present = CNN(16, 1, 28, 2, [8, 8, 8]).train(), torch.ones(4, dtype=torch.bool)
    image = torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(encoder(image, present).pooled[:1], encoder(image[:1], present[:1]).pooled)


@pytest.mark.parametrize("stride", [0, 29, 2.0])
def test_a_stride_that_leaves_no_map_is_refused(stride: int) -> None:
    with pytest.raises(ValueError, match=r"encoder\.image\.stem_stride must be a whole number from 1 to 28"):
        CNN(16, 1, 28, stride, [8])
