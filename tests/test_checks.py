"""Settings are checked in one wording."""

import math

import pytest

from multimodal.checks import check_divides, check_flag, check_multiple, check_number, check_one_of, check_whole

STRANGE = [None, "abc", "1", True, math.nan, math.inf, -math.inf, [1]]  # no number that a setting can have


@pytest.mark.parametrize("value", [*STRANGE, 0, -1, 1.5, 2.0])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"training\.steps must be a whole number of 1 or more, got"):
        check_whole("training", batch_size=1, steps=value)


def test_a_whole_number_may_start_elsewhere() -> None:
    check_whole("training", least=0, seed=0)
    with pytest.raises(ValueError, match="of 2 or more, got 1"):
        check_whole("evaluation", least=2, samples=1)


@pytest.mark.parametrize("value", STRANGE)
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"loss\.bias must be a number, got"):
        check_number("loss", bias=value)


def test_bounds_are_named_and_those_that_exclude_do() -> None:
    check_number("a", least=0, most=1, b=0, c=1, d=0.5)
    check_number("a", above=0, below=1, b=0.5)
    for value in (0, 1):
        with pytest.raises(ValueError, match=rf"a\.b must be a number, above 0 and below 1, got {value}"):
            check_number("a", above=0, below=1, b=value)
    for value in (-0.1, 1.1):
        with pytest.raises(ValueError, match=rf"a\.b must be a number, 0 or more and 1 at most, got {value}"):
            check_number("a", least=0, most=1, b=value)


def test_one_of() -> None:
    check_one_of("encoder.text", ("LSTM", "GRU"), cell="GRU")
    with pytest.raises(ValueError, match=r"encoder\.text\.cell must be one of LSTM, GRU, got 'RNN'"):
        check_one_of("encoder.text", ("LSTM", "GRU"), cell="RNN")


@pytest.mark.parametrize("value", [None, "no", "true", 0, 1])
def test_a_word_is_no_flag(value: object) -> None:
    check_flag("dataset.augment", flip=False)
    with pytest.raises(ValueError, match=r"augment\.flip must be true or false, got"):
        check_flag("dataset.augment", flip=value)


@pytest.mark.parametrize("value", [None, 12, 0, -8, 8.0])
def test_multiples(value: object) -> None:
    check_multiple("head.image", 8, width=16)
    with pytest.raises(ValueError, match=r"head\.image\.width must be a multiple of 8 \(GroupNorm's groups\), got"):
        check_multiple("head.image", 8, "GroupNorm's groups", width=value)


@pytest.mark.parametrize("value", [0, 3, 2.0, None])
def test_divisors(value: object) -> None:
    check_divides("fusion", 16, "dim", num_heads=4)
    with pytest.raises(ValueError, match=r"fusion\.num_heads must .*, got"):
        check_divides("fusion", 16, "dim", num_heads=value)
