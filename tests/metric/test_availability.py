"""The surface: rates as requested, corners as measured separately, and masks that only grow."""

import pytest
import torch

from multimodal.metric.availability import expected_correct, mean_correct, missing_thresholds, surface

SIZE, CELLS = 23, 5
CONDITIONS = ("both", "image", "text")


def random_answers(size: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {c: torch.rand(size, generator=generator) < p for c, p in zip(CONDITIONS, (0.9, 0.6, 0.3), strict=True)}


def conditions(size: int, cells: int) -> dict[tuple[float, float], list[str]]:
    """Cell -> what each sample is given there, by a model that is right on one sample of one condition."""
    given = {}
    for sample in range(size):
        for condition in CONDITIONS:
            correct = {c: torch.zeros(size, dtype=torch.bool) for c in CONDITIONS}
            correct[condition][sample] = True
            for row in surface(correct, missing_thresholds(size, seed=0), cells):
                cell = given.setdefault((row["no_image"], row["no_text"]), [None] * size)
                if row["accuracy"] > 0:
                    assert cell[sample] is None
                    cell[sample] = condition
    return given


def test_places_are_evenly_spaced_in_an_order_of_the_seed() -> None:
    place = missing_thresholds(8, seed=0)
    torch.testing.assert_close(place.sort().values, (torch.arange(8) + 0.5) / 8)
    assert torch.equal(place, missing_thresholds(8, seed=0))
    assert not torch.equal(place, missing_thresholds(8, seed=1))


def test_places_do_not_touch_the_global_random_state() -> None:
    before = torch.get_rng_state()
    missing_thresholds(8, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_cells_cover_the_triangle() -> None:
    cells = {
        (row["no_image"], row["no_text"]) for row in surface(random_answers(SIZE), missing_thresholds(SIZE, 0), CELLS)
    }
    assert cells == {(i / CELLS, j / CELLS) for i in range(CELLS + 1) for j in range(CELLS + 1) if i + j <= CELLS}


@pytest.mark.parametrize(("size", "cells"), [(23, 5), (5, 10), (10, 10)])  # the last two have places on the edges
def test_realised_rates_are_those_asked_for(size, cells) -> None:
    for (no_image, no_text), given in conditions(size, cells).items():
        assert given.count("text") / size == pytest.approx(no_image, abs=1 / size)
        assert given.count("image") / size == pytest.approx(no_text, abs=1 / size)
        if no_image + no_text > 1 - 1e-9:
            assert "both" not in given
        assert None not in given


def test_raising_a_rate_only_takes_more_away() -> None:
    """What a sample lacks at one rate it lacks at every higher one."""
    given = conditions(SIZE, CELLS)
    for (no_image, no_text), before in given.items():
        for (more_no_image, more_no_text), after in given.items():
            if more_no_image >= no_image and more_no_text >= no_text:
                pairs = list(zip(before, after, strict=True))
                assert all(b == a for b, a in pairs if b != "both"), (no_image, no_text)


def test_corners_are_the_accuracies_under_one_condition() -> None:
    correct = random_answers(SIZE)
    cells = {(r["no_image"], r["no_text"]): r["accuracy"] for r in surface(correct, missing_thresholds(SIZE, 0), CELLS)}
    for corner, condition in {(0.0, 0.0): "both", (0.0, 1.0): "image", (1.0, 0.0): "text"}.items():
        assert cells[corner] == pytest.approx(float(correct[condition].double().mean()))


def test_accuracy_is_that_of_the_answers_given() -> None:
    correct = random_answers(SIZE)
    given = conditions(SIZE, CELLS)
    for row in surface(correct, missing_thresholds(SIZE, 0), CELLS):
        conditions_given = given[row["no_image"], row["no_text"]]
        right = [bool(correct[condition][sample]) for sample, condition in enumerate(conditions_given)]
        assert row["accuracy"] == pytest.approx(sum(right) / SIZE)


@pytest.mark.parametrize("size", [23, 200])
def test_the_mean_over_all_rates_is_the_mean_of_the_three_accuracies_which_the_surface_shows_but_for_its_masks(
    size,
) -> None:
    correct = random_answers(size)
    three = sum(float(hits.double().mean()) for hits in correct.values()) / 3
    assert float(mean_correct(correct).mean()) == pytest.approx(three, abs=1e-12)
    surfaces = [surface(correct, missing_thresholds(size, seed), CELLS) for seed in range(400)]
    means = torch.tensor([sum(row["accuracy"] for row in rows) / len(rows) for rows in surfaces])
    assert float(means.std()) > 0  # which masks are drawn is noise
    assert float(means.mean()) == pytest.approx(three, abs=4 * float(means.std()) / 400**0.5)


@pytest.mark.parametrize(("no_image", "no_text"), [(0.3, 0.3), (0.7, 0.2), (0.0, 1.0), (1.0, 1.0)])
def test_the_expected_accuracy_is_the_mean_over_masks_that_are_drawn_independently(no_image, no_text) -> None:
    correct = random_answers(SIZE) | {"neither": torch.arange(SIZE) % 10 == 0}
    draws, generator = 20_000, torch.Generator().manual_seed(1)
    image = torch.rand(draws, SIZE, generator=generator) >= no_image
    text = torch.rand(draws, SIZE, generator=generator) >= no_text
    right = torch.where(
        image,
        torch.where(text, correct["both"], correct["image"]),
        torch.where(text, correct["text"], correct["neither"]),
    )
    each = expected_correct(correct, no_image, no_text)
    torch.testing.assert_close(each, right.double().mean(0), atol=0.02, rtol=0)  # five standard errors


def test_the_accuracy_of_independently_missing_modalities_is_its_formula() -> None:
    accuracy = {"both": 0.9, "image": 0.6, "text": 0.4, "neither": 0.1}
    correct = {name: torch.arange(10) < round(10 * value) for name, value in accuracy.items()}
    expected = 0.7 * 0.5 * 0.9 + 0.7 * 0.5 * 0.6 + 0.3 * 0.5 * 0.4 + 0.3 * 0.5 * 0.1
    assert float(expected_correct(correct, 0.3, 0.5).mean()) == pytest.approx(expected, abs=1e-12)
