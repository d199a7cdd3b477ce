"""Several drawings for one caption: seeded by sample, and as different as their SSIM says."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.evaluation.context import Context
from multimodal.evaluation.diversity import Diversity
from multimodal.evaluation.predict import predict
from multimodal.loss.ssim import ssim
from multimodal.runs.build import build_loss
from tests.evaluation.test_wiring import WORDS, make_split
from tests.helpers.contracts import build


@pytest.fixture
def split() -> Split:
    return make_split(Vocabulary.of([" ".join(WORDS)]), 0)


def context(model, split: Split, batch_size: int) -> SimpleNamespace:
    own = {"model": model.eval(), "test": split, "batch_size": batch_size, "seed": 0}
    lacks = partial(Context.lacks, SimpleNamespace(model=model))
    return SimpleNamespace(**own, device=torch.device("cpu"), lacks=lacks)


def test_it_is_the_mean_over_pairs_of_drawings_whatever_the_batch(config, split: Split) -> None:
    model, _ = build(config, "head/image=flow", "head.image.width=8", "head.image.steps=2")
    measured = [Diversity(7, 3)(context(model, split, size)) for size in (2, 100)]
    (drawings, others), score = (m.drawings for m in measured), measured[0].scores["text_to_image/diversity"]
    assert drawings.image.shape == (7, 3, 1, 28, 28)
    difference = drawings.image.int() - others.image.int()
    assert difference.abs().max() <= 1  # rounding
    pairs = [(0, 1), (0, 2), (1, 2)]
    image = drawings.image.float() / 255
    expected = 1 - sum(float(ssim(image[:, i], image[:, j]).mean()) for i, j in pairs) / 3
    assert score == pytest.approx(expected, abs=1e-5)
    assert 0.1 < score < 1
    predicted = predict(model, split, 30).image["text"][drawings.rows]
    assert (predicted.int() - drawings.image[:, 0].int()).abs().max() <= 1


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        ([], "draws one image"),
        (["head/image=none"], "no image head"),
        (["head/image=flow", "head.image.width=8", "fusion=image_only"], "does not read the text"),
    ],
)
def test_a_model_that_draws_one_image_or_none_or_reads_no_caption_has_none(config, split, overrides, why) -> None:
    model, _ = build(config, *overrides)
    measured = Diversity(7, 3)(context(model, split, 10))
    assert why in measured.scores["text_to_image/diversity"]
    assert measured.drawings is None


def test_predictions_are_the_same_again_and_take_no_random_number(config, split: Split) -> None:
    model, _ = build(config, "head/image=flow", "head.image.width=8", "head.image.steps=2")
    state = torch.get_rng_state()
    first, again = (predict(model, split, size).image["both"].int() for size in (17, 60))
    assert torch.equal(torch.get_rng_state(), state)
    assert (first - again).abs().max() <= 1


def test_the_loss_of_the_head_replaces_the_terms_that_read_its_image(config, batch) -> None:
    model, cfg = build(config, "head/image=flow")
    loss, before = build_loss(cfg), build_loss(config())
    assert set(before.terms) - set(loss.terms) == {"image", "dssim"}
    terms = loss(model(batch), batch)
    assert terms["flow"] > 0
    assert terms["loss"] == sum(loss.weights[name] * value for name, value in terms.items() if name != "loss")


@pytest.mark.parametrize(("samples", "drawings"), [(0, 2), (3, 1)])
def test_one_drawing_cannot_be_compared(samples: int, drawings: int) -> None:
    with pytest.raises(ValueError, match=r"evaluation\.measures\.diversity"):
        Diversity(samples, drawings)
