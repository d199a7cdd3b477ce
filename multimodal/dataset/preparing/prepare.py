"""From a source's rows to arrays in memory: check, split, decode once, tell, tokenise once."""

import hashlib
from collections.abc import Callable

import torch
from datasets import DatasetDict

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
from multimodal.dataset.reading.sources import read_source


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
    """Reads a captioned image dataset into memory.

    Args:
        name: of the dataset, for titles.
        source, path, hub_id, embedded: see `read_source`.
        columns: {"image", "label", "caption"}: the source's own names for them.
        caption: what the captions tell: a member of the group `caption`.
        grammar: reads {attribute: word} from a caption, as far as it states any; None: no attributes are scored.
        augment: moves training images as far as their captions bear it.
        image_size: images are resized to this many pixels square.
        channels: 1 for grey, 3 for RGB.
        max_words: a longer caption is cut.
        max_bad_rows: how many rows that cannot be used are skipped; more are an error.
        validation_fraction: share of the training split held out for validation.
        test_fraction: share held out as test split if the source has none.
        limit: keep at most this many training samples (None: all) and a quarter as many test samples.
        seed: draws the splits that the source does not make.
        vocabulary: a checkpoint's; None makes one of the training captions.
    """
    check_whole("dataset", image_size=image_size, max_words=max_words, limit=1 if limit is None else limit)
    check_number("dataset", above=0, below=1, validation_fraction=validation_fraction, test_fraction=test_fraction)
    check_one_of("dataset", (1, 3), channels=channels)  # grey or RGB
    found, source, revision = read_source(source, path, hub_id, embedded)
    rows, class_names = read_rows(found, columns)
    bad = BadRows(max_bad_rows)
    rows = {split: bad.without(part, text_problems(part)) for split, part in rows.items()}
    bad.refuse()  # before so many are gone that no split can be made
    rows, images = split_rows(rows, validation_fraction, test_fraction, limit, seed), {}
    for split, part in rows.items():
        pixels, problems = decode_images(part.image, image_size, channels)
        rows[split] = bad.without(part, problems)
        images[split] = pixels[[problem is None for problem in problems]] if len(rows[split]) < len(part) else pixels
    for split in ("validation", "test"):
        problems = untrained_problems(rows[split], rows["train"])
        rows[split] = bad.without(rows[split], problems)
        images[split] = images[split][[problem is None for problem in problems]] if any(problems) else images[split]
    bad.settle()
    empty = [split for split, part in rows.items() if len(part) == 0]
    if empty:
        raise ValueError(f"no usable row is left for {', '.join(empty)}:\n{bad.listed()}")
    content = {split: torch.from_numpy(part.label) for split, part in rows.items()}
    if len(content["train"].unique()) < 2:
        raise ValueError(f"all training samples are of one class, {class_names[content['train'][0]]}: nothing to tell")
    told = caption.apply({split: part.caption for split, part in rows.items()}, content, class_names)
    if vocabulary is None:
        vocabulary = Vocabulary.of(told.captions["train"])
    splits = {
        split: Split(
            image=images[split],
            tokens=vocabulary.encode(told.captions[split], max_words),
            label=told.label[split],
            content=content[split],
        )
        for split in rows
    }
    duplicates = cached_near_duplicates(images["train"], images["test"])
    card = make_card(told, splits, vocabulary, class_names, max_words, bad.found)
    return Data(
        name=name,
        source=source,
        splits=splits,
        vocabulary=vocabulary,
        class_names=class_names,
        names_class=told.names_class,
        grammar=grammar,
        augment=augment,
        fingerprint=fingerprint(splits),
        card={"source": source, "revision": revision} | card | {"near_duplicates": duplicates},
        tables=told.tables,
    )


def fingerprint(splits: dict[str, Split]) -> str:
    """Of everything a model could learn from."""
    digest = hashlib.blake2b(digest_size=8)
    for name, split in sorted(splits.items()):
        digest.update(name.encode())
        for array in (split.image, split.tokens, split.label, split.content):
            digest.update(str(tuple(array.shape)).encode())
            digest.update(array.numpy())
    return digest.hexdigest()
