"""Families of tests, within which Holm's method bounds the probability of any false alarm.

The bars of the primary metric (reference, better control, product of own answers, variants of one fusion) are one
family over all groups of the report, and all other pairs of fusions in it another: the question that was asked pays
nothing for those that were not. The secondary metrics have the same two families in each group, that of the reference
and that of the rest.
"""

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from multimodal.comparison.pairwise_test import BARS, LEVEL, PairwiseTest
from multimodal.metric.catalogue import PRIMARY
from multimodal.metric.crossed import detectable_errors
from multimodal.metric.statistics import ROUND_OFF, holm

POWER = 0.8  # of the smallest difference that a test is said to show
P_VALUES = ("p", "p_population", "p_equivalent")


def family_of(test: PairwiseTest) -> Hashable:
    """Return the key of a test's family."""
    if test.metric.tested == PRIMARY:
        return PRIMARY, test.kind in BARS
    return test.group, test.kind == "reference"


def adjust(tests: list[PairwiseTest]) -> list[PairwiseTest]:
    """Adjust the p values of all groups within their families, and add the smallest difference that each could show."""
    adjusted = list(tests)
    families: dict[Hashable, list[int]] = {}
    for i, test in enumerate(tests):
        if test.p is not None:
            families.setdefault(family_of(test), []).append(i)
    for rows in families.values():
        for name in P_VALUES:
            known = [i for i in rows if getattr(tests[i], name) is not None]
            for i, p in zip(known, holm([getattr(tests[i], name) for i in known]), strict=True):
                changed: dict[str, Any] = {name: p}
                adjusted[i] = replace(adjusted[i], **changed)
        for i in rows:
            adjusted[i] = completed(adjusted[i], len(rows))
    return adjusted


def completed(test: PairwiseTest, family: int) -> PairwiseTest:
    """Add what follows from the family: the smallest difference that can be shown, and whether samples decide.

    Args:
        test: with adjusted p values.
        family: number of tests in its family; the level of the smallest difference is divided by it.
    """
    assert test.error is not None, "set together with p"
    assert test.p_population is not None, "set together with p"
    mdd = test.error * detectable_errors(test.n, (1 - LEVEL) / family, POWER)
    return replace(
        test,
        mdd=mdd if np.isfinite(mdd) and mdd > ROUND_OFF else None,
        sample_dependent=test.sample_dependent or (test.sample_interval is not None and test.p_population >= 1 - LEVEL),
    )
