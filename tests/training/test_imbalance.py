"""The gauge of imbalance."""

import logging

import pytest
import torch
from torch import Tensor, nn

from multimodal.training.imbalance import (
    gradient_norms,
    modality_contributions,
    spread_rows,
    unlearned_modalities,
    warn_unlearned,
)
from multimodal.types import Batch
from tests.helpers.tiny_training import split

LABEL = torch.arange(200) % 10


def row(image: float, text: float, both: float, share: float) -> dict[str, float]:
    found = {"accuracy_image": image, "accuracy_text": text, "accuracy_both": both, "share_image": share}
    return {f"validation/imbalance/{name}": value for name, value in found.items()}


def test_norms_are_of_all_gradients_of_an_encoder() -> None:
    encoders = {"image": nn.Linear(3, 2), "text": nn.Linear(3, 2)}
    for parameter in encoders["image"].parameters():
        parameter.grad = torch.full_like(parameter, 2.0)
    norms = gradient_norms(encoders.items())
    assert set(norms) == {"imbalance/grad_norm_image"}  # the other has none
    assert float(norms["imbalance/grad_norm_image"]) == pytest.approx((8 * 4) ** 0.5)


class Reader(nn.Module):
    """Answers from the caption where there is one, else class 0."""

    def encode(self, batch: Batch) -> Tensor:
        return batch.label

    def fuse(self, encoded: Tensor, text: Tensor | None = None, image: Tensor | None = None) -> Tensor:
        return encoded if text is None else torch.zeros_like(encoded)

    def classify(self, fused: Tensor) -> Tensor:
        return nn.functional.one_hot(fused, 3).float()


def test_a_model_that_reads_captions_alone_gives_them_the_whole_share() -> None:
    found = modality_contributions(Reader(), split(9, 0), split(9, 0).label, torch.device("cpu"))
    third = pytest.approx(1 / 3)
    assert found == {
        "imbalance/accuracy_both": 1.0,
        "imbalance/accuracy_image": third,
        "imbalance/accuracy_text": 1.0,
        "imbalance/share_image": pytest.approx(0.0),
    }


def test_a_split_sorted_by_class_is_watched_in_all_its_classes() -> None:
    rows = spread_rows(900)
    assert len(rows) == 256
    assert (rows[0], rows[-1]) == (0, 899)
    assert (torch.arange(900) // 300)[rows].bincount().tolist() == pytest.approx([256 / 3] * 3, abs=1)
    assert spread_rows(5).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.10, 0.95, 0.95, 0.0), {"image": 0.10}),
        ((0.95, 0.12, 0.95, 0.98), {"text": 0.12}),
        ((0.10, 0.11, 0.99, 0.5), {}),  # synergy: neither alone, both together
        ((0.60, 0.95, 0.95, 0.3), {}),
        ((0.60, 1.00, 1.00, 0.04), {}),  # not needed, but learned
    ],
)
def test_a_modality_at_chance_that_adds_nothing_is_not_learned(values, expected) -> None:
    assert unlearned_modalities(row(*values), LABEL, LABEL, ("image", "text")) == expected


def test_what_a_fusion_does_not_read_is_no_reason_to_warn(caplog) -> None:
    with caplog.at_level(logging.WARNING):
        warn_unlearned(row(0.1, 0.95, 0.95, 0.0), LABEL, LABEL, ("text",))
        assert not caplog.text
        warn_unlearned(row(0.1, 0.95, 0.95, 0.0), LABEL, LABEL, ("image", "text"))
    assert "the image is not learned: its accuracy alone is 0.100 (chance 0.100)" in caplog.text


def test_nothing_to_share_is_no_verdict() -> None:
    assert unlearned_modalities({"validation/imbalance/accuracy_image": 0.1}, LABEL, LABEL, ("image", "text")) == {}
