"""Padding that no tokenizer's own number is."""

import torch

from multimodal.encoder.text.subwords import pad_subwords, some_unmasked, split_subwords


def test_the_numbers_come_back_and_only_padding_is_masked() -> None:
    rows = pad_subwords([[0, 7, 0], [], [3]])
    numbers, mask = split_subwords(rows)
    assert numbers.tolist() == [[0, 7, 0], [0, 0, 0], [3, 0, 0]]
    assert mask.tolist() == [[True] * 3, [False] * 3, [True, False, False]]
    assert some_unmasked(mask).tolist() == [[True] * 3, [True, False, False], [True, False, False]]


def test_no_caption_has_a_place_for_none() -> None:
    assert pad_subwords([]).shape == (0, 1)
    assert torch.equal(pad_subwords([[]]), torch.zeros(1, 1, dtype=torch.int32))
