"""Which samples train, validate and test."""

import numpy as np
from sklearn.model_selection import train_test_split

from multimodal.dataset.reading.rows import Rows


def split_rows(
    source: dict[str, Rows], validation_fraction: float, test_fraction: float, limit: int | None, seed: int
) -> dict[str, Rows]:
    """The source's test split, or a stratified one; validation always out of train."""
    train = source["train"]
    if "test" in source:
        held_out = source["test"]
    else:
        train, held_out = stratified(train, test_fraction, seed)
    if limit is not None:
        train, held_out = first(train, limit, seed), first(held_out, max(limit // 4, 1), seed)
    train, held_in = stratified(train, validation_fraction, seed)
    return {"train": train, "validation": held_in, "test": held_out}


def first(rows: Rows, count: int, seed: int) -> Rows:
    """At most `count` of them, drawn by `seed`."""
    return rows.take(np.random.default_rng(seed).permutation(len(rows))[:count])


def stratified(rows: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    """(rest, `share` of each class), in the order of the rows."""
    try:
        rest, part = train_test_split(np.arange(len(rows)), test_size=share, stratify=rows.label, random_state=seed)
    except ValueError as error:
        told = f"cannot hold out {share} of {len(rows)} samples by class: {error}"
        raise ValueError(f"{told}; give more samples (dataset.limit) or a larger share") from error
    return rows.take(np.sort(rest)), rows.take(np.sort(part))
