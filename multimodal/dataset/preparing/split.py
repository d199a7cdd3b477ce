"""Split the samples into train, validation and test: by class, and samples of equal images stay together.

Several captions of one picture are several samples; were they drawn one by one, test would show training images.
"""

import hashlib
from math import ceil

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from multimodal.dataset.reading.rows import Rows

Ints = NDArray[np.int64]


def limit_rows(
    source: dict[str, Rows], test_fraction: float, limit: int | None, seed: int
) -> tuple[dict[str, Rows], float]:
    """Draw the samples that `dataset.limit` keeps, by class; samples of one encoded image are drawn together.

    Args:
        source: {split: Rows} with `train` and, if the source has them, `validation` and `test`.
        test_fraction: share of train held out for test if the source has no test split.
        limit: keep at most this many training samples, and a quarter as many of the source's own validation and test
            split, or of what is held out for test; None keeps all.
        seed: seed of the draw.

    Returns:
        {split: Rows}, and the share of train that is to be held out for test.
    """
    if limit is None:
        return source, test_fraction
    fewer, count = max(limit // 4, 1), limit
    if "test" not in source:
        test_count = min(ceil(test_fraction * len(source["train"])), fewer)
        train_count = min(len(source["train"]) - test_count, limit)
        count, test_fraction = train_count + test_count, test_count / max(train_count + test_count, 1)
    train = draw_rows(source["train"], count, seed)
    drawn = {"train": train}
    for split in source.keys() - {"train"}:
        known = np.flatnonzero(np.isin(source[split].label, train.label))  # of few samples, train may lack a class
        drawn[split] = draw_rows(source[split].take(known), fewer, seed)
    return drawn, test_fraction


def draw_rows(rows: Rows, count: int, seed: int) -> Rows:
    """Draw at most `count` samples by class, in their order; samples of one encoded image are drawn together.

    Raises:
        ValueError: every image has more samples than are to be drawn.
    """
    if len(rows) <= count:
        return rows
    group = encoded_groups(rows)
    size, left, kept = np.bincount(group), count, []
    for image in stratified_order(group_labels(rows.label, group), seed):
        if size[image] <= left:  # of an image with more samples than are left to draw, none is drawn
            kept.append(image)
            left -= size[image]
    if not kept:
        raise ValueError(
            f"dataset.limit keeps {count} samples of {rows.split}, but each image has {size.min()} or more"
        )
    return rows.take(np.flatnonzero(np.isin(group, kept)))


def encoded_groups(rows: Rows) -> Ints:
    """Number the samples by their encoded image, equal for equal bytes or paths, in order of first occurrence: (N,)."""
    numbers: dict[object, int] = {}
    group: list[int] = []
    for batch in rows.image.iter(batch_size=256):
        for image in batch["image"]:
            content = image and (image["path"] if image["bytes"] is None else hashlib.sha256(image["bytes"]).digest())
            group.append(numbers.setdefault(content or len(group), len(numbers)))  # a missing image equals no other
    return np.array(group, dtype=np.int64)


def split_rows(
    label: dict[str, Ints], group: Ints, validation_fraction: float, test_fraction: float, seed: int
) -> dict[str, tuple[str, Ints]]:
    """Choose the rows of every split; what the source has already split stays as it is.

    Args:
        label: {split of the source: (N,) classes} with `train` and, if the source has them, `validation` and `test`.
        group: (N,) numbers of the images of the source's train split, equal for equal images.
        validation_fraction: share of the training samples held out for validation if the source has no such split.
        test_fraction: share of train held out for test if the source has no such split.
        seed: seed of the splits.

    Returns:
        {"train", "validation", "test": (split of the source, (n,) its rows, ascending)}.

    Raises:
        ValueError: there are too few different images.
    """
    parts: dict[str, tuple[str, Ints]] = {
        split: (split, np.arange(len(label[split]))) for split in ("validation", "test") if split in label
    }
    train = np.arange(len(group))
    for split, fraction in (("test", test_fraction), ("validation", validation_fraction)):
        if split not in label:
            rest, part = hold_out(label["train"][train], group[train], fraction, seed, split)
            train, parts[split] = train[rest], ("train", train[part])
    return {"train": ("train", train), "validation": parts["validation"], "test": parts["test"]}


def hold_out(label: Ints, group: Ints, share: float, seed: int, name: str) -> tuple[Ints, Ints]:
    """Hold out `share` of each class; samples of one group stay together, and every class keeps a group.

    A class with a single group stays whole. If there are fewer groups to hold out than classes, each class is held out
    from in turn.

    Args:
        label: (N,) classes.
        group: (N,) numbers, equal for equal images.
        share: share of the samples to hold out.
        seed: seed of the choice.
        name: what is held out, for the error.

    Returns:
        The remaining rows and the rows held out, both ascending.

    Raises:
        ValueError: no class has two groups.
    """
    group = np.unique(group, return_inverse=True)[1]
    free = free_groups(label, group, share)
    for draw in (draw_stratified, draw_in_turn):
        held = np.isin(group, draw(label, group, free, share, seed))
        if held.any() and len(np.unique(label[~held])) == len(np.unique(label)):
            return np.flatnonzero(~held), np.flatnonzero(held)
    raise ValueError(
        f"cannot hold out dataset.{name}_fraction={share:g} of {len(label)} samples: no class has two different "
        f"images; use more samples (dataset.limit) or data with a {name} split"
    )


def free_groups(label: Ints, group: Ints, share: float) -> Ints:
    """Return the groups that may be held out: those of a class of several groups, (n,) ascending.

    A group of more samples than are to be held out stays in train, unless all groups are as large.
    """
    size, classes = np.bincount(group), group_labels(label, group)
    several = np.bincount(classes)[classes] > 1
    small = several & (size <= share * len(group))
    return np.flatnonzero(small if small.any() else several)


def draw_stratified(label: Ints, group: Ints, free: Ints, share: float, seed: int) -> Ints:
    """Draw `share` of the groups `free` by class, as scikit-learn does: (n,); none where it has too few of a class."""
    classes = group_labels(label, group)[free]
    count, members = ceil(share * len(free) - 1e-9), np.unique(classes, return_counts=True)[1]
    if len(free) == 0 or members.min() < 2 or len(members) > min(count, len(free) - count):
        return free[:0]
    drawn: Ints = train_test_split(free, test_size=count, stratify=classes, random_state=seed)[1]
    return drawn


def draw_in_turn(label: Ints, group: Ints, free: Ints, share: float, seed: int) -> Ints:
    """Draw from the groups `free` about `share` of all samples, class after class; each keeps a group: (n,)."""
    size, classes = np.bincount(group), group_labels(label, group)
    order = np.random.default_rng(seed).permutation(len(size))
    place = order.argsort()[group]  # (N,) the first group of a class in this order is kept
    first = np.full(label.max(initial=0) + 1, len(size))
    np.minimum.at(first, label, place)
    free = np.setdiff1d(free, order[first[first < len(size)]])
    order = free[stratified_order(classes[free], seed)]
    return order[: max(1, int((size[order].cumsum() <= share * len(label) + 1e-9).sum()))]


def group_labels(label: Ints, group: Ints) -> Ints:
    """Return the most frequent class of each group, of equally frequent ones the first: (G,)."""
    (groups, classes), count = np.unique(np.stack([group, label]), axis=1, return_counts=True)
    order = np.lexsort((classes, -count, groups))
    return classes[order][np.unique(groups[order], return_index=True)[1]]


def stratified_order(label: Ints, seed: int) -> Ints:
    """Order N items so that each beginning has its share of every class: (N,) a permutation drawn by `seed`.

    Example:
        >>> label = np.array([0, 0, 0, 0, 1, 1, 1, 1])
        >>> np.bincount(label[stratified_order(label, seed=0)[:4]])
        array([2, 2])
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(label))
    order = order[label[order].argsort(kind="stable")]  # class after class
    kinds, start, inverse, count = np.unique(label[order], return_index=True, return_inverse=True, return_counts=True)
    place = (np.arange(len(label)) - start[inverse] + rng.random(len(kinds))[inverse]) / count[inverse]
    return order[place.argsort(kind="stable")]
