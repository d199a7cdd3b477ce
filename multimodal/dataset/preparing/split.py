"""Split the samples into train, validation and test."""

import numpy as np
from sklearn.model_selection import train_test_split

from multimodal.dataset.reading.rows import Rows


def split_rows(
    source: dict[str, Rows], validation_fraction: float, test_fraction: float, limit: int | None, seed: int
) -> dict[str, Rows]:
    """Split the samples, stratified by class.

    Args:
        source: {split: Rows} with `train` and, if the source has one, `test`.
        validation_fraction: share of train held out for validation.
        test_fraction: share of train held out for test if the source has no test split.
        limit: keep at most this many training samples, validation included, and a quarter as many test samples.
        seed: seed of the splits.

    Returns:
        {"train", "validation", "test": Rows}.

    Raises:
        ValueError: there are too few samples of a class.
    """
    train = source["train"]
    if "test" in source:
        test = source["test"]
    else:
        train, test = stratified(train, test_fraction, seed)
    if limit is not None:
        train, test = random_subset(train, limit, seed), random_subset(test, max(limit // 4, 1), seed)
    train, validation = stratified(train, validation_fraction, seed)
    return {"train": train, "validation": validation, "test": test}


def random_subset(rows: Rows, count: int, seed: int) -> Rows:
    """Draw at most `count` samples without replacement."""
    return rows.take(np.random.default_rng(seed).permutation(len(rows))[:count])


def stratified(rows: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    """Hold out `share` of each class; return (the remaining rows, the rows held out), both in their order.

    Raises:
        ValueError: there are too few samples of a class.
    """
    try:
        rest, part = train_test_split(np.arange(len(rows)), test_size=share, stratify=rows.label, random_state=seed)
    except ValueError as error:
        problem = f"cannot hold out {share} of {len(rows)} samples by class: {error}"
        raise ValueError(f"{problem}; use more samples (dataset.limit) or a larger fraction") from error
    return rows.take(np.sort(rest)), rows.take(np.sort(part))
