"""The surface: rates as requested, corners as measured separately, and masks that only grow."""

import pytest
import torch

from multimodal.metric.availability import missing_thresholds, sample_availability, surface

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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])  # as measured, and as a file may hold it
@pytest.mark.parametrize(("size", "cells"), [(23, 5), (10, 10), (200, 10)])
def test_availability_of_the_samples_is_the_surface_taken_by_sample(size, cells, dtype) -> None:
    correct, place = random_answers(size), missing_thresholds(size, 0)
    result = sample_availability(correct, place.to(dtype), cells)
    rows = surface(correct, place, cells)
    assert result.dtype == torch.float64
    assert float(result.mean()) == pytest.approx(sum(row["accuracy"] for row in rows) / len(rows))
    given = conditions(size, cells) if size < 100 else {}
    for sample in range(size if given else 0):
        right = [bool(correct[cell[sample]][sample]) for cell in given.values()]
        assert float(result[sample]) == pytest.approx(sum(right) / len(given))
