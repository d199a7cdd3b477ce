"""Predictions: the right modality is hidden, and batches leave no trace."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.evaluation.predict import join, predict
from multimodal.types import BOS, EOS, PAD, Fused
from tests.helpers.toy import SIZES

CONDITIONS = {"both": (True, True), "image": (True, False), "text": (False, True)}


def echo() -> SimpleNamespace:
    """A model whose every answer tells what it was given: z = (row, has the image, has the caption)."""

    def encode(batch):
        echo.asked += [tuple(batch.index.tolist())]
        rows = batch.index[:, None].float()
        return {m: SimpleNamespace(pooled=rows + i, present=batch.present[m]) for i, m in enumerate(batch.present)}

    def fuse(encoded, **present):
        given = [present.get(m, encoded[m].present).float()[:, None] for m in ("image", "text")]
        return Fused(torch.cat([encoded["image"].pooled, *given], dim=1))

    def generate(z: Tensor) -> Tensor:
        """As many words as the largest row number of the batch, so batches differ in length."""
        row = z[:, 0].long()
        place = torch.arange(int(row.max()) + 2)
        written = torch.where(place <= row[:, None], 4, PAD)
        return torch.where(place == row[:, None] + 1, EOS, written).index_fill(1, torch.tensor([0]), BOS)

    echo = SimpleNamespace(
        asked=[],
        eval=lambda: None,
        parameters=lambda: iter([torch.zeros(1)]),
        encode=encode,
        fuse=fuse,
        classify=lambda fused: fused.z,
        draw=lambda z, number: z[:, :, None, None] / 255,
        memory=lambda fused: (),
        heads={"image": object(), "text": SimpleNamespace(generate=generate)},
    )
    return echo


@pytest.mark.parametrize("size", [1, 4, 10])
def test_every_condition_hides_what_its_name_lacks(split, size) -> None:
    predictions = predict(echo(), split, size)
    for condition, given in CONDITIONS.items():
        expected = torch.tensor([[row, *given] for row in range(6)]).float()
        assert torch.equal(predictions.joint[condition], expected)
        torch.testing.assert_close(predictions.probability[condition], expected.softmax(1))
        assert torch.equal(predictions.image[condition].flatten(1), expected)
    assert torch.equal(predictions.encoded["text"], predictions.encoded["image"] + 1)


def test_each_sample_is_encoded_once_and_in_order(split) -> None:
    model = echo()
    predict(model, split, 4)
    assert model.asked == [(0, 1, 2, 3), (4, 5)]


@pytest.mark.parametrize("size", [1, 4, 10])
def test_captions_of_all_batches_are_padded_to_the_longest(split, size) -> None:
    written = predict(echo(), split, size).caption["both"]
    assert written.dtype == torch.int64
    assert written.tolist() == [[BOS, *[4] * row, EOS, *[PAD] * (5 - row)] for row in range(6)]


def test_join_pads_on_the_right() -> None:
    joined = join([torch.tensor([[BOS, 5.0]]), torch.tensor([[BOS, 6.0, 7.0, EOS]])])
    assert joined.tolist() == [[BOS, 5, PAD, PAD], [BOS, 6, 7, EOS]]


def flat(predictions) -> dict[str, Tensor]:
    """All but captions; images in [0, 1]."""
    kinds = {kind: getattr(predictions, kind) for kind in ("probability", "joint", "encoded")}
    kinds["image"] = {name: image / 255 for name, image in predictions.image.items()}
    return {f"{kind} {name}": value for kind, group in kinds.items() for name, value in group.items()}


def test_a_model_says_the_same_in_batches_of_any_size(model, split) -> None:
    at_once, one_by_one = predict(model, split, 6), predict(model, split, 1)
    for name, value in flat(at_once).items():
        level = 1.01 / 255 if name.startswith("image") else 1e-5  # either of two levels that are equally near
        torch.testing.assert_close(value, flat(one_by_one)[name], atol=level, rtol=1e-4, msg=name)
    for condition, written in at_once.caption.items():
        short = one_by_one.caption[condition]
        assert torch.equal(written, short[:, : written.shape[1]])


def test_shapes_and_ranges(model, split) -> None:
    predictions = predict(model.train(), split, 4)
    assert not model.training
    for name, value in flat(predictions).items():
        assert len(value) == 6, name
        assert value.dtype == torch.float32, name
        assert not value.requires_grad, name
    for condition in CONDITIONS:
        torch.testing.assert_close(predictions.probability[condition].sum(1), torch.ones(6))
        assert predictions.probability[condition].shape == (6, SIZES["num_classes"])
        assert predictions.image[condition].shape == split.image.shape
        assert predictions.image[condition].dtype == torch.uint8
        drawn = 255 * model.heads["image"](predictions.joint[condition])
        torch.testing.assert_close(predictions.image[condition].float(), drawn, atol=0.5001, rtol=0)


@pytest.mark.parametrize(("condition", "hidden"), [("image", "tokens"), ("text", "image")])
def test_a_hidden_modality_is_not_read(model, split, condition, hidden) -> None:
    other = {"image": split.image, "tokens": split.tokens, "label": split.label, "content": split.content}
    other[hidden] = other[hidden].flip(0)
    before, after = predict(model, split, 6), predict(model, Split(**other), 6)  # one batch, so padded alike
    for kind in ("probability", "image", "caption", "joint"):
        assert torch.equal(getattr(before, kind)[condition], getattr(after, kind)[condition]), kind
    assert not torch.equal(before.joint["both"], after.joint["both"])


def test_labels_are_not_read(model, split) -> None:
    other = Split(split.image, split.tokens, split.label.flip(0), split.content.flip(0))
    before, after = flat(predict(model, split, 4)), flat(predict(model, other, 4))
    assert all(torch.equal(value, after[name]) for name, value in before.items())
