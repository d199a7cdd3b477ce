"""The convolutional encoder."""

import pytest
import torch

from multimodal.encoder.image.cnn import CNN


@pytest.mark.parametrize(("size", "tokens"), [(28, 49), (64, 256), (30, 64)])
def test_the_last_feature_map_is_the_tokens(size: int, tokens: int) -> None:
    encoded = CNN(16, 3, size, [8, 8, 8])(torch.rand(2, 3, size, size), torch.ones(2, dtype=torch.bool))
    assert encoded.tokens.shape == (2, tokens, 16)
    assert encoded.pooled.shape == (2, 16)
    assert encoded.token_mask.all()


def test_a_sample_is_encoded_alike_in_any_company_also_in_training() -> None:
    torch.manual_seed(0)
    encoder, present = CNN(16, 1, 28, [8, 8, 8]).train(), torch.ones(4, dtype=torch.bool)
    image = torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(encoder(image, present).pooled[:1], encoder(image[:1], present[:1]).pooled)


def test_widths_that_do_not_fit_the_norm_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        CNN(16, 1, 28, [8, 12])
