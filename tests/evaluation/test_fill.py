"""Filling a gap: what is generated is encoded in the place of what is absent, which is not read."""

from dataclasses import replace

import torch

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.evaluation.fill import predict_filled
from multimodal.evaluation.predict import predict
from multimodal.types import SPECIAL_WORDS

WORDS = Vocabulary([*SPECIAL_WORDS, *(f"w{i}" for i in range(4, 20))])


def test_a_perfect_generator_answers_as_with_both(model, split) -> None:
    predictions = predict(model, split, 4)
    perfect = replace(
        predictions,
        caption=predictions.caption | {"image": split.tokens.long()},
        image=predictions.image | {"text": split.image},
    )
    for probability in predict_filled(model, split, perfect, WORDS, 4).values():
        torch.testing.assert_close(probability, predictions.probability["both"], atol=1e-5, rtol=1e-4)


def test_what_is_absent_is_not_read(model, split) -> None:
    predictions = predict(model, split, 6)
    before = predict_filled(model, split, predictions, WORDS, 6)
    other = Split(split.image, split.tokens.flip(0), split.label, split.content)
    assert torch.equal(predict_filled(model, other, predictions, WORDS, 6)["image"], before["image"])
    other = Split(split.image.flip(0), split.tokens, split.label, split.content)
    assert torch.equal(predict_filled(model, other, predictions, WORDS, 6)["text"], before["text"])
