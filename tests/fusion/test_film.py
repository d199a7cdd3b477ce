"""FiLM fusion."""

import pytest
import torch

from multimodal.fusion.film import FiLMBlock, FiLMFusion
from tests.helpers.toy import encodings


def test_a_block_written_out() -> None:
    torch.manual_seed(0)
    block, x, condition = FiLMBlock(6), torch.randn(2, 3, 6), torch.randn(2, 6)
    film_parameters = block.film(condition)
    for b in range(2):
        gamma, beta = 1 + film_parameters[b, :6], film_parameters[b, 6:]
        for t in range(3):
            entered = block.enter(x[b, t]).relu()
            inner = block.inner(entered)
            normal = (inner - inner.mean()) / (inner.var(unbiased=False) + 1e-5).sqrt()
            torch.testing.assert_close(block(x, condition)[b, t], entered + (gamma * normal + beta).relu())


def test_the_image_is_modulated_by_the_caption_and_both_are_read_beside_it() -> None:
    torch.manual_seed(0)
    fusion, encoded = FiLMFusion(8, ["image", "text"], 2, 12), encodings(8)
    image, text = encoded["image"], encoded["text"]
    x = image.tokens
    for block in fusion.blocks:
        x = block(x, text.pooled)
    expected = fusion.project(torch.cat([x.mean(1), image.pooled, text.pooled], dim=-1))
    torch.testing.assert_close(fusion(encoded).z, expected)


def test_the_first_modalitys_padding_is_not_read() -> None:
    fusion, encoded = FiLMFusion(8, ["text", "image"], 2, 12), encodings(8)
    before = fusion(encoded).z
    encoded["text"].tokens[0, 3:] = 100.0
    torch.testing.assert_close(fusion(encoded).z, before)


@pytest.mark.parametrize(
    ("modalities", "blocks", "message"), [(["image"], 1, "exactly two"), (["a", "b"], 0, "blocks must be .*, got 0")]
)
def test_bad_settings_are_refused(modalities: list[str], blocks: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FiLMFusion(8, modalities, blocks, 12)
