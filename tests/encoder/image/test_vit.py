"""The vision transformer."""

import pytest
import torch

from multimodal.encoder.image.vit import ViT


def test_patches_are_tokens_in_reading_order() -> None:
    torch.manual_seed(0)
    encoder = ViT(16, 3, 8, 4, 2, 1, 32)
    image = torch.rand(1, 3, 8, 8)
    weight, bias = encoder.to_patches.weight.flatten(1), encoder.to_patches.bias
    patch = (image[0, :, :4, 4:] - 0.5).flatten()  # above, right: the second
    seen = []
    encoder.layers.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    encoded = encoder(image, torch.ones(1, dtype=torch.bool))
    torch.testing.assert_close(seen[0][0, 2], weight @ patch + bias + encoder.position[1])
    assert encoded.tokens.shape == (1, 4, 16)
    assert encoded.pooled.shape == (1, 16)


@pytest.mark.parametrize(("patch", "heads", "message"), [(5, 2, "patch must divide"), (4, 3, "num_heads must divide")])
def test_bad_settings_are_refused(patch: int, heads: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ViT(16, 3, 8, patch, heads, 1, 32)
