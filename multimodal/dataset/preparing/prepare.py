"""Turn a source's rows into arrays in memory: check, split, decode, apply the caption mode, tokenise."""

import hashlib
from collections.abc import Callable

import torch
from datasets import DatasetDict
from torch import Tensor

from multimodal.caption.original import OriginalCaptions
from multimodal.checks import check_number, check_one_of, check_whole
from multimodal.dataset.card import make_card
from multimodal.dataset.data import Data, Split
from multimodal.dataset.near_duplicates import cached_near_duplicates
from multimodal.dataset.preparing.augment import Augment
from multimodal.dataset.preparing.split import split_rows
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.dataset.reading.bad_rows import BadRows, text_problems, untrained_problems
from multimodal.dataset.reading.images import decode_images
from multimodal.dataset.reading.rows import read_rows
from multimodal.dataset.reading.sources import folder_of, read_source


def prepare_data(
    name: str,
    source: str,
    path: str | None,
    hub_id: str | None,
    embedded: Callable[[], DatasetDict] | None,
    columns: dict[str, str],
    caption: OriginalCaptions,
    grammar: Callable[[str], dict[str, str]] | None,
    augment: Augment,
    image_size: int,
    channels: int,
    max_words: int,
    max_bad_rows: int,
    validation_fraction: float,
    test_fraction: float,
    limit: int | None,
    seed: int,
    vocabulary: Vocabulary | None,
) -> Data:
    """Read a captioned image dataset into memory.

    Args:
        name: name of the dataset, for titles.
        source: `hub`, `path`, `embedded` or `auto`; see `read_source`.
        path: folder of the data, or None.
        hub_id: name of the repository on the hub, or None.
        embedded: function that makes the embedded set, or None.
        columns: {"image", "label", "caption"}: the source's names of these columns.
        caption: caption mode, a member of the group `caption`.
        grammar: reads the stated attributes from a caption, {attribute: word}; None: attributes are not scored.
        augment: augmentation of training images that keeps their captions true.
        image_size: images are resized to this height and width, pixels.
        channels: 1 for grey, 3 for RGB.
        max_words: longer captions are truncated to this many words.
        max_bad_rows: largest number of unusable rows that are skipped; more raise an error.
        validation_fraction: share of the training split held out for validation.
        test_fraction: share held out as test split if the source has none.
        limit: keep at most this many training samples and a quarter as many test samples; None keeps all.
        seed: seed of the splits that the source does not provide.
        vocabulary: that of a checkpoint; None builds one from the training captions.

    Raises:
        ValueError: a setting is out of range, the source cannot be read, too many rows are unusable, or a split
            has no usable rows, or train has a single class.
    """
    check_whole("dataset", image_size=image_size, max_words=max_words, limit=1 if limit is None else limit)
    check_number("dataset", above=0, below=1, validation_fraction=validation_fraction, test_fraction=test_fraction)
    check_one_of("dataset", (1, 3), channels=channels)  # grey or RGB
    raw_splits, source, revision = read_source(source, path, hub_id, embedded)
    rows, class_names = read_rows(raw_splits, columns, folder_of(path) if source == "path" and path else None)
    bad = BadRows(max_bad_rows)
    rows = {split: bad.without(part, text_problems(part)) for split, part in rows.items()}
    bad.check_limit()  # before splitting, which may fail if too few rows are left
    rows = split_rows(rows, validation_fraction, test_fraction, limit, seed)
    images: dict[str, Tensor] = {}
    decoded = decode_images(rows, image_size, channels)
    for split, part in rows.items():
        pixels, problems = decoded[split]
        rows[split] = bad.without(part, problems)
        images[split] = pixels[[problem is None for problem in problems]] if len(rows[split]) < len(part) else pixels
    for split in ("validation", "test"):
        problems = untrained_problems(rows[split], rows["train"])
        rows[split] = bad.without(rows[split], problems)
        images[split] = images[split][[problem is None for problem in problems]] if any(problems) else images[split]
    bad.report()
    empty = [split for split, part in rows.items() if len(part) == 0]
    if empty:
        raise ValueError(f"no usable row is left for {', '.join(empty)}:\n{bad.listed()}")
    content = {split: torch.from_numpy(part.label) for split, part in rows.items()}
    if len(content["train"].unique()) < 2:
        raise ValueError(
            f"all training samples are of one class, {class_names[content['train'][0]]}: training needs two or more"
        )
    captions = {split: [text for text in part.caption if text is not None] for split, part in rows.items()}
    task = caption.apply(captions, content, class_names)  # no text was None: such rows are skipped as bad
    if vocabulary is None:
        vocabulary = Vocabulary.of(task.captions["train"])
    splits = {
        split: Split(
            image=images[split],
            tokens=vocabulary.encode(task.captions[split], max_words),
            label=task.label[split],
            content=content[split],
        )
        for split in rows
    }
    duplicates = cached_near_duplicates(images["train"], images["test"])
    card = make_card(task, splits, vocabulary, class_names, max_words, bad.skipped)
    return Data(
        name=name,
        source=source,
        splits=splits,
        vocabulary=vocabulary,
        class_names=class_names,
        names_class=task.names_class,
        grammar=grammar,
        augment=augment,
        fingerprint=fingerprint(splits),
        card={"source": source, "revision": revision} | card | {"near_duplicates": duplicates},
        tables=task.tables,
    )


def fingerprint(splits: dict[str, Split]) -> str:
    """Compute a hash of all arrays, 16 hexadecimal digits: images, tokens, labels and classes of every split."""
    digest = hashlib.blake2b(digest_size=8)
    for name, split in sorted(splits.items()):
        digest.update(name.encode())
        for array in (split.image, split.tokens, split.label, split.content):
            digest.update(str(tuple(array.shape)).encode())
            digest.update(array.numpy().data)
    return digest.hexdigest()
