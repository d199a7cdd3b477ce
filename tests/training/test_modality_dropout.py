import itertools

import pytest
import torch

from multimodal.training.modality_dropout import ModalityDropout, generator

DRAWS = 100_000
RATES = [(0.3, 0.3), (0.0, 0.0), (0.7, 0.3), (1.0, 0.0), (0.0, 1.0), (0.05, 0.6)]


@pytest.mark.parametrize(("image", "text"), RATES)
def test_the_rates_are_realised_and_nobody_loses_both(image, text):
    present = ModalityDropout(image, text, 0.0).draw(DRAWS, 0)
    absent = {name: 1 - mask.float().mean().item() for name, mask in present.items()}
    # three standard deviations of 100,000 draws are 0.005 at most; 0 and 1 are exact
    assert absent["image"] == pytest.approx(image, abs=0.005 if 0 < image < 1 else 0)
    assert absent["text"] == pytest.approx(text, abs=0.005 if 0 < text < 1 else 0)
    assert (present["image"] | present["text"]).all()


@pytest.mark.parametrize(("image", "text"), [(-0.1, 0.3), (0.3, -0.1), (0.6, 0.5), (1.1, 0.0), (float("nan"), 0.3)])
def test_what_is_no_probability_of_exclusive_events_is_refused(image, text):
    with pytest.raises(ValueError, match=r"modality_dropout.*got"):
        ModalityDropout(image, text, 0.0)


def test_every_pair_of_hundredths_that_sums_to_one_is_taken():
    for percent in range(101):
        ModalityDropout(percent / 100, (100 - percent) / 100, 0.0)


def test_masks_depend_on_the_seed_numbers_alone():
    dropout = ModalityDropout(0.3, 0.3, 0.0)
    first = dropout.draw(64, 7, 1, 20)
    torch.manual_seed(99)  # the global stream has no part in it
    again = dropout.draw(64, 7, 1, 20)
    assert all(torch.equal(first[name], again[name]) for name in ("image", "text"))
    for other in [(8, 1, 20), (7, 0, 20), (7, 1, 21), (20, 1, 7), (7, 1), (7, 1, 20, 0)]:
        drawn = dropout.draw(64, *other)
        assert not all(torch.equal(first[name], drawn[name]) for name in ("image", "text")), other


def test_distinct_tuples_give_distinct_streams():
    tuples = [(), *itertools.product(range(10)), *itertools.product(range(5), range(2), range(400))]
    tuples += [(-1, 0, 0), (2**40, 0, 0), (2**40 + 2**32, 0, 0)]
    first = {torch.rand(4, generator=generator(*numbers)).numpy().tobytes() for numbers in tuples}
    assert len(first) == len(tuples)


def test_streams_of_neighbours_are_uncorrelated():
    draws = torch.stack([torch.rand(2000, generator=generator(0, 1, step)) for step in range(20)])
    correlation = torch.corrcoef(draws) - torch.eye(20)
    assert correlation.abs().max() < 0.12  # five standard deviations


def test_the_rates_rise_with_a_ramp_and_who_was_absent_early_is_absent_later():
    dropout = ModalityDropout(0.4, 0.2, 0.5)
    rates, before = {}, None
    for progress in (0.0, 0.25, 0.5, 1.0):
        present = dropout.draw(DRAWS, 0, progress=progress)
        rates[progress] = [1 - present[m].float().mean().item() for m in ("image", "text")]
        if before is not None:
            assert (present["image"] <= before["image"]).all()
        before = present
    assert rates[0.0] == [0, 0]
    assert rates[0.25] == pytest.approx([0.2, 0.1], abs=0.005)
    assert rates[0.5] == rates[1.0] == pytest.approx([0.4, 0.2], abs=0.005)


@pytest.mark.parametrize("ramp", [-0.1, 1.1, float("nan")])
def test_a_ramp_that_is_no_share_is_refused(ramp):
    with pytest.raises(ValueError, match="ramp must be a number, 0 or more and 1 at most"):
        ModalityDropout(0.3, 0.3, ramp)
