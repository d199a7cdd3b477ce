"""From a source's rows to arrays in memory: decode once, split, tokenise once."""

import hashlib
from collections.abc import Callable
from io import BytesIO

import datasets
import numpy as np
import torch
from datasets import ClassLabel, Dataset, DatasetDict
from PIL import Image
from sklearn.model_selection import train_test_split
from torch import Tensor

from multimodal.dataset.data import Data, Split
from multimodal.dataset.sources import read_source
from multimodal.dataset.vocabulary import Vocabulary


def prepare_data(
    name: str,
    source: str,
    path: str | None,
    hub: str,
    embedded: Callable[[], DatasetDict],
    columns: dict[str, str],
    image_size: int,
    channels: int,
    max_words: int,
    validation: float,
    test: float,
    limit: int | None,
    seed: int,
    vocabulary: Vocabulary | None,
) -> Data:
    """Reads a captioned image dataset into memory.

    Args:
        name: of the dataset, for titles.
        source, path, hub, embedded: see `read_source`.
        columns: {"image", "label", "caption"}: the source's own names for them.
        image_size: images are resized to this many pixels square.
        channels: 1 for grey, 3 for RGB.
        max_words: a longer caption is cut.
        validation: share of the training split held out for validation.
        test: share held out as test split if the source has none.
        limit: keep at most this many training samples (None: all) and a quarter as many test samples.
        seed: draws the splits that the source does not make.
        vocabulary: a checkpoint's; None makes one of the training captions.
    """
    rows, source = read_source(source, path, hub, embedded)
    rows = split_rows(check_columns(rows, columns), validation, test, limit, seed)
    if vocabulary is None:
        vocabulary = Vocabulary.of(rows["train"]["caption"])
    splits = {}
    for split, part in rows.items():
        label = torch.tensor(part["label"])
        splits[split] = Split(
            image=decode(part, image_size, channels),
            tokens=vocabulary.encode(part["caption"], max_words),
            label=label,
            content=label,
        )
    names = rows["train"].features["label"].names
    return Data(name, source, splits, vocabulary, names, fingerprint(splits))


def check_columns(rows: DatasetDict, columns: dict[str, str]) -> DatasetDict:
    """The three columns by our names, the label as ClassLabel."""
    train = rows.get("train", next(iter(rows.values())))
    missing = sorted(set(columns.values()) - set(train.column_names))
    if missing:
        raise ValueError(
            f"no column {', '.join(missing)} among {', '.join(train.column_names)}; "
            "set dataset.columns.image, .label and .caption to the names that your data uses"
        )
    if "train" not in rows:
        raise ValueError(f"no train split among {', '.join(rows)}")
    rows = rows.select_columns(list(columns.values()))
    rows = rows.rename_columns({theirs: ours for ours, theirs in columns.items() if ours != theirs})
    if not isinstance(rows["train"].features["label"], ClassLabel):
        classes = sorted(set(rows["train"]["label"]))
        label = ClassLabel(names=[str(value) for value in classes])
        number = {value: i for i, value in enumerate(classes)}
        unknown = {value for part in rows.values() for value in part["label"]} - number.keys()
        if unknown:
            raise ValueError(f"labels {sorted(unknown)} of another split are not in train, which has {classes}")
        rows = rows.map(lambda row: {"label": number[row["label"]]}).cast_column("label", label)
    return rows.cast_column("image", datasets.Image(decode=False))


def split_rows(rows: DatasetDict, validation: float, test: float, limit: int | None, seed: int) -> dict[str, Dataset]:
    """The source's test split, or a stratified one; validation always out of train."""
    train = rows["train"]
    if "test" in rows:
        held_out = rows["test"]
    else:
        train, held_out = stratified(train, test, seed)
    if limit is not None:
        train = train.shuffle(seed=seed).select(range(min(limit, len(train))))
        held_out = held_out.shuffle(seed=seed).select(range(min(max(limit // 4, 1), len(held_out))))
    train, held_in = stratified(train, validation, seed)
    return {"train": train, "validation": held_in, "test": held_out}


def stratified(rows: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """(rest, `share` of each class), in the order of the rows."""
    label = rows["label"][:]
    try:
        rest, part = train_test_split(np.arange(len(rows)), test_size=share, stratify=label, random_state=seed)
    except ValueError as error:
        raise ValueError(f"cannot hold out {share} of {len(rows)} samples by class: {error}") from error
    return rows.select(np.sort(rest)), rows.select(np.sort(part))


def decode(rows: Dataset, size: int, channels: int) -> Tensor:
    """Column `image` -> (N, C, H, W) uint8; the decoded pixels are kept in the cache of `datasets`."""
    pixels = rows.map(
        decode_batch,
        batched=True,
        fn_kwargs={"size": size, "channels": channels},
        remove_columns=rows.column_names,
        features=datasets.Features(pixels=datasets.Value("binary")),
        desc="decoding images",
    )
    flat = np.frombuffer(b"".join(pixels["pixels"]), dtype=np.uint8).copy()
    return torch.from_numpy(flat).view(len(rows), channels, size, size)


def decode_batch(rows: dict[str, list], size: int, channels: int) -> dict[str, list[bytes]]:
    """Encoded images -> bytes of (C, size, size) uint8."""
    mode = "L" if channels == 1 else "RGB"
    return {"pixels": [decode_one(image, size, mode) for image in rows["image"]]}


def decode_one(image: dict, size: int, mode: str) -> bytes:
    """One image: decoded, antialiased to `size`, as bytes."""
    with Image.open(image["path"] if image["bytes"] is None else BytesIO(image["bytes"])) as opened:
        pixels = opened.convert(mode)
    if pixels.size != (size, size):
        pixels = pixels.resize((size, size), Image.Resampling.BILINEAR)
    return np.moveaxis(np.atleast_3d(np.asarray(pixels)), -1, 0).tobytes()


def fingerprint(splits: dict[str, Split]) -> str:
    """Of everything a model could learn from."""
    digest = hashlib.blake2b(digest_size=8)
    for name, split in sorted(splits.items()):
        digest.update(name.encode())
        for array in (split.image, split.tokens, split.label, split.content):
            digest.update(str(tuple(array.shape)).encode())
            digest.update(array.numpy())
    return digest.hexdigest()
