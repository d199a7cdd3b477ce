"""The grid of answers, and what the audit says of models that add, combine or ignore."""

import pytest
import torch

from multimodal.evaluation.interaction import answer_grid, interaction
from multimodal.runs.build import build_model

ACCURACY = {"both": 1.0, "image": 0.5, "text": 0.5}


def test_every_image_is_answered_with_every_caption(model, split) -> None:
    rows = torch.tensor([4, 0, 3])
    model.eval()
    grid = answer_grid(model, split, rows, 4)
    assert grid.shape == (3, 3, 3)
    for i, image in enumerate(rows):
        for j, caption in enumerate(rows):
            pair = split.batch(rows)  # captions of all rows: padded alike
            pair = type(pair)(
                split.batch(image[None]).image,
                pair.tokens[j : j + 1],
                *(x[:1] for x in (pair.label, pair.content)),
                {m: p[:1] for m, p in pair.present.items()},
                caption[None],
            )
            with torch.no_grad():
                torch.testing.assert_close(grid[i, j], model(pair).label[0], atol=1e-5, rtol=1e-4)


def test_a_model_that_combines_has_a_gap_and_one_that_adds_has_none() -> None:
    """Exclusive or of two bits: the positive control; then a model that reads the caption alone."""
    image, text = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    label = image ^ text
    answer = image[:, None] ^ text[None]
    combines = torch.nn.functional.one_hot(answer).float()
    found = interaction(combines, label, ACCURACY, chance=0.5)
    assert found["emap_gap"] == pytest.approx(0.5)  # the additive projection is constant: it answers one class
    assert found["shapley_image"] == pytest.approx(0.5)
    reads_text = torch.nn.functional.one_hot(text[None].expand(4, 4)).float()
    found = interaction(reads_text, text, ACCURACY | {"image": 0.5, "text": 1.0}, chance=0.5)
    assert found["emap_gap"] == 0
    assert found["shuffle_image"] == 1
    assert found["shapley_image"] == 0


def test_a_fusion_that_adds_probabilities_has_no_gap(config, split) -> None:
    """On the scale of logits, their logarithm, a mean of two probabilities would look like an interaction."""
    torch.manual_seed(0)
    model = build_model(config("fusion=late")).eval()
    for part in model.fusion.parameters():
        part.data *= 3  # sure of themselves
    rows = torch.arange(6)
    grid = answer_grid(model, split, rows, 4)
    torch.testing.assert_close(grid.sum(-1), torch.ones(6, 6))
    for label in torch.cartesian_prod(*[torch.arange(3)] * 6)[::97]:
        assert interaction(grid, label, ACCURACY, chance=0.5)["emap_gap"] == 0


def test_a_share_of_nothing_says_why() -> None:
    found = interaction(torch.rand(3, 3, 2), torch.tensor([0, 1, 0]), ACCURACY, chance=0.99)
    assert "too little" in found["shapley_image"]
